"""What the executions whose bytes are counted must put out is what they do put out."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks import storage
from benchmarks.local import local_runtime
from benchmarks.storage import Work, works


@pytest.mark.parametrize("work", works(), ids=lambda work: work.name)
def test_every_row_is_there(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "EXECUTIONS", 2)
    with local_runtime(services=storage._services) as local:
        taken, grown, problem = asyncio.run(storage._measured(local, work))
    assert (len(taken), problem) == (2, "")
    assert grown >= 0
