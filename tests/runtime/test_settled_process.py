"""What a settled process still looks through: only what is new."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from flowray.runtime.settled_process import YOUNG, settle


@pytest.fixture
def restored() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.mark.usefixtures("restored")
def test_what_is_loaded_is_looked_through_no_more_and_new_cycles_are() -> None:
    loaded = len(gc.get_objects())
    settle()
    assert gc.get_freeze_count() > loaded / 2
    assert len(gc.get_objects()) < loaded / 10
    assert gc.get_threshold()[0] == YOUNG
    cycle: list[object] = []
    cycle.append(cycle)
    del cycle
    assert gc.collect() >= 1
