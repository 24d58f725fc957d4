"""The arithmetic of named limits: buckets, turns, and who waits for whom. The stores' suite is in conformance."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.persistence.limits.sharing import WINDOW, Balance, LimitRecord, Waiting, changed, placed, share_out
from flowray.persistence.writes.limits import LimitAsk

NOW = 1_000_000


def balance(name: str = "api", used: int = 0, now: int = NOW, **fields: Any) -> Balance:
    fields = {"requests": float(fields.get("rpm") or 0), "tokens": float(fields.get("tpm") or 0)} | fields
    return Balance(LimitRecord(name=name, refilled_at=NOW, **fields), used, now)


def waiting(its_id: str, *limits: str, place: int = 1, tokens: int = 0) -> Waiting:
    return Waiting(place, NOW, its_id, limits or ("api",), tokens)


def test_without_bounds_everything_goes() -> None:
    assert balance(used=10_000).wait_ms(10**9) == 0


def test_time_alone_frees_no_slot() -> None:
    assert balance(concurrency=2, used=1).wait_ms(0) == 0
    assert balance(concurrency=2, used=2).wait_ms(0) is None


def test_a_bucket_fills_with_time_up_to_a_minutes_worth() -> None:
    empty = balance(rpm=60, requests=0.0)
    assert empty.wait_ms(0) == 1_001
    assert balance(rpm=60, requests=0.0, now=NOW + 1_001).wait_ms(0) == 0
    assert balance(rpm=60, requests=0.0, now=NOW + 3_600_000).requests == 60


def test_whoever_waits_as_long_as_told_finds_enough() -> None:
    for rpm in (1, 7, 60, 999, 100_000):
        wait_ms = balance(rpm=rpm, requests=0.25).wait_ms(0)
        assert wait_ms is not None
        assert balance(rpm=rpm, requests=0.25, now=NOW + wait_ms).wait_ms(0) == 0


def test_a_clock_that_goes_back_takes_nothing() -> None:
    assert balance(rpm=60, requests=5.0, now=NOW - 9_000).requests == 5


def test_a_pause_ends_by_itself() -> None:
    paused = balance(concurrency=1)
    paused.pause(500)
    paused.pause(200)
    assert paused.wait_ms(0) == 500
    assert paused.has_moved
    kept = paused.as_record()
    assert Balance(kept, 0, NOW + 500).wait_ms(0) == 0
    assert Balance(kept, 0, NOW + 500).as_record().paused_until is None


def test_time_alone_is_no_reason_to_write() -> None:
    assert not balance(rpm=60, requests=5.0, now=NOW + 100).has_moved


def test_what_was_not_spent_comes_back_but_never_more_than_a_bucket() -> None:
    spent = balance(tpm=1_000, tokens=200.0)
    spent.correct(reserved=500, spent=100)
    assert spent.tokens == 600
    spent.correct(reserved=9_999, spent=0)
    assert spent.tokens == 1_000


def test_a_limit_that_shrinks_keeps_what_fits_and_a_new_bound_is_full() -> None:
    known = changed(None, "api", 60, None, None, NOW)
    assert (known.requests, known.created_at, known.tokens) == (60, NOW, 0)
    smaller = changed(known, "api", 10, 500, 3, NOW)
    assert (smaller.requests, smaller.tokens, smaller.concurrency) == (10, 500, 3)
    larger = changed(smaller, "api", 100, 500, 3, NOW)
    assert larger.requests == 10


def test_places_of_an_execution_follow_each_other_and_never_lie_behind_what_is_served() -> None:
    balances = {"api": balance(served=7)}
    asks = [LimitAsk(its_id, execution, its_id, 1, ("api",)) for its_id, execution in ("ax", "bx", "cy")]
    uses = placed("o", asks, balances, {("y", "api"): 40}, NOW)
    assert [(use.id, use.place) for use in uses] == [("a", 8), ("b", 9), ("c", 41)]


def test_a_name_given_twice_is_one_limit() -> None:
    uses = placed("o", [LimitAsk("a", "e", "a", 1, ("api", "api", "none"))], {"api": balance()}, {}, NOW)
    assert [use.limit_name for use in uses] == ["api"]


def test_the_first_who_cannot_go_holds_back_all_behind_in_its_limits_but_no_others() -> None:
    balances = {"api": balance(concurrency=0), "gpu": balance("gpu", concurrency=9), "net": balance("net")}
    heads = {
        "gpu": [waiting("a", "api", "gpu"), waiting("b", "gpu", place=2)],
        "net": [waiting("c", "net", place=3)],
    }
    sharing = share_out(balances, heads)
    assert sharing.granted == ("c",)
    assert sharing.wait_ms is None


def test_it_says_when_time_may_bring_more() -> None:
    balances = {"api": balance(rpm=60, requests=0.0), "gpu": balance("gpu", rpm=6, requests=0.0)}
    heads = {"api": [waiting("a", "api")], "gpu": [waiting("b", "gpu", place=2)]}
    assert share_out(balances, heads).wait_ms == 1_001
    both = {"api": [waiting("a", "api", "gpu")], "gpu": [waiting("a", "api", "gpu")]}
    assert share_out(balances, both).wait_ms == 10_001


@pytest.mark.parametrize(("width", "more"), [(WINDOW - 1, False), (WINDOW, True)])
def test_it_asks_to_be_asked_again_when_it_has_not_seen_all(width: int, more: bool) -> None:
    heads = {"api": [waiting(f"{number:03}", place=number) for number in range(width)]}
    sharing = share_out({"api": balance()}, heads)
    assert (len(sharing.granted), sharing.more) == (width, more)


def test_nobody_overtakes_whom_a_window_does_not_show() -> None:
    """``late`` is seen through ``gpu`` alone; those before it in ``api`` are not all seen, so it must wait."""
    heads = {
        "api": [waiting(f"{number:03}", place=number) for number in range(WINDOW)],
        "gpu": [waiting("late", "api", "gpu", place=WINDOW + 50)],
    }
    sharing = share_out({"api": balance(), "gpu": balance("gpu")}, heads)
    assert "late" not in sharing.granted
