"""What failures look like once they have left the process they happened in."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.killable import NoKillableCalls, guarded, workers


class OddError(Exception):
    """Does not survive pickling."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(one)


def _raise(error: BaseException) -> Any:
    raise error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (FlowrayError(ErrorCode.NOT_FOUND, "x"), ErrorCode.NOT_FOUND), (MemoryError(), ErrorCode.FILE_LIMIT_EXCEEDED),
        (RecursionError(), ErrorCode.NODE_FAILED), (OddError("a", "b"), ErrorCode.NODE_FAILED),
    ],
)  # fmt: skip
def test_every_failure_is_ours_and_can_be_sent(error: Exception, code: str) -> None:
    with pytest.raises(FlowrayError) as raised:
        guarded(_raise, (error,))
    assert pickle.loads(pickle.dumps(raised.value)).code == code


async def test_a_lane_without_such_a_process() -> None:
    assert guarded(max, (1, 2)) == 2
    assert workers() >= 1
    with pytest.raises(FlowrayError, match="no process"):
        await NoKillableCalls().call(max, 1, 2)
