"""Collections and counts (R12)."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.errors import FlowrayError
from flowray.handlers.collection import as_count, as_items


def test_lists_and_text() -> None:
    rows = [1, None]
    assert as_items(rows, "x") is rows
    assert as_items(" [1] ", "x") == [1]
    assert as_items("```python\n[1,\n 2]\n```", "x") == [1, 2]
    with pytest.raises(
        FlowrayError, match=r"'x' did not resolve to an array\. Got: text that is not JSON: 'see: \[1\]'"
    ):
        as_items("see: [1]", "x")


@pytest.mark.parametrize("value", [-1, "x", None, True, [1], float("nan"), float("inf")])
def test_what_is_no_count(value: Any) -> None:
    with pytest.raises(FlowrayError) as caught:
        as_count(value, "n")
    assert caught.value.code == "COLLECTION_INVALID"
