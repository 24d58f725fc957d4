"""A fold that is older than what was driven here is told from one that goes on."""

from __future__ import annotations

import msgspec
import pytest

from flowray.engine import stimuli as st
from flowray.runtime import departed
from flowray.runtime.departed import Departed
from flowray.runtime.live import LiveExecution
from tests.engine.plans import PlanMaker
from tests.runtime.harness import START_MS, Desk, live_of

CHAIN = PlanMaker().chain("a", "b").build()


def at(epoch: int, committed_seq: int, execution_id: str = "e1") -> LiveExecution:
    live = live_of(Desk().store, CHAIN, execution_id)
    live.epoch, live.committed_seq = epoch, committed_seq
    return live


def test_only_what_has_been_less_far_is_stale() -> None:
    known = Departed()
    assert not known.is_stale(at(1, 0))
    known.note(at(2, 5))
    reached = [(1, 9), (2, 4), (2, 5), (2, 6), (3, 0)]
    assert [known.is_stale(at(*point)) for point in reached] == [True, True, False, False, False]


def test_it_remembers_the_last_ones_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(departed, "DEPARTED_KEPT", 1)
    known = Departed()
    known.note(at(1, 5))
    known.note(at(1, 5, "e2"))
    assert (known.is_stale(at(1, 0)), known.is_stale(at(1, 0, "e2"))) == (False, True)


def test_l2_what_was_folded_before_it_was_begun_is_not_driven_after_its_end() -> None:
    """Its first commit would be the one that is written already, and taken for a repeated one: effects twice."""
    desk = Desk()
    first = desk.start(CHAIN)
    folded = LiveExecution(msgspec.structs.replace(first.record), first.index, type(first.state)(), 1)
    desk.answer("a", 1)
    desk.answer("b", 2)
    assert desk.row().status == "completed"
    desk.driver.own(folded, st.Start(ts=START_MS))
    desk.settle()
    assert desk.executor.instances == ["a", "b"]
    assert desk.driver.owned() == []
