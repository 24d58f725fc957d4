"""Named limits in every store: memory, SQLite and PostgreSQL (R13, R47, L8)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from flowray.errors import ErrorCode
from flowray.persistence.limits.sharing import LimitStatus
from flowray.persistence.writes import Done, Existing, Fenced, Inserted, Refused, ReleaseOwner
from flowray.persistence.writes.limits import (
    DeleteLimit,
    LimitAsk,
    LimitEnd,
    LimitPause,
    SaveLimit,
    Shared,
    ShareLimits,
)
from tests.conformance.test_stores import Stores, stores
from tests.persistence.samples import owner

__all__ = ["stores"]


def ask(its_id: str, *limits: str, execution: str = "e1", tokens: int = 0) -> LimitAsk:
    return LimitAsk(its_id, execution, its_id, 1, limits or ("api",), tokens)


def shared(stores: Stores, *asks: LimitAsk, ends: tuple[str, ...] = (), by: str = "o1", sweep: bool = False) -> Shared:
    write = ShareLimits(owner_id=by, asks=asks, ends=tuple(LimitEnd(its_id) for its_id in ends), sweep=sweep)
    result = stores.one(write)
    assert isinstance(result, Shared)
    return result


def status(stores: Stores, name: str = "api") -> LimitStatus:
    found = stores.reader.limits.status(name)
    assert found is not None
    return found


def counts(stores: Stores, name: str = "api") -> tuple[int, int]:
    found = status(stores, name)
    return found.used, found.waiting


def test_limits_are_saved_changed_listed_and_deleted(stores: Stores) -> None:
    assert stores.one(SaveLimit(name="api", rpm=60, concurrency=2)) == Inserted(id="api")
    assert stores.one(SaveLimit(name="zoo", tpm=1_000)) == Inserted(id="zoo")
    assert stores.one(SaveLimit(name="api", concurrency=3)) == Done()
    assert stores.one(SaveLimit(name="api", concurrency=9, only_new=True)) == Existing(id="api")
    assert [found.record.name for found in stores.reader.limits.statuses()] == ["api", "zoo"]
    assert (status(stores).record.rpm, status(stores).record.concurrency) == (None, 3)
    assert status(stores, "zoo").tokens == 1_000
    assert stores.one(DeleteLimit(name="zoo")) == Done()
    refused = stores.one(DeleteLimit(name="zoo"))
    assert isinstance(refused, Refused)
    assert refused.code == ErrorCode.NOT_FOUND
    assert stores.reader.limits.status("zoo") is None


def test_no_more_run_than_the_limit_allows_and_the_next_follows_at_once(stores: Stores) -> None:
    stores.commit(owner(), SaveLimit(name="api", concurrency=2))
    assert shared(stores, ask("a"), ask("b"), ask("c")).granted == ("a", "b")
    assert counts(stores) == (2, 1)
    assert [use.id for use in stores.reader.limits.uses("api")] == ["a", "b", "c"]
    assert shared(stores, ends=("a",)).granted == ("b", "c")
    assert shared(stores, ends=("b", "c")).granted == ()
    assert counts(stores) == (0, 0)


def test_a_repeat_after_a_lost_acknowledgement_changes_nothing(stores: Stores) -> None:
    stores.commit(owner(), SaveLimit(name="api", rpm=600, concurrency=2))
    for _ in range(2):
        assert shared(stores, ask("a"), ask("b"), ask("c")).granted == ("a", "b")
    assert counts(stores) == (2, 1)
    spent = 600 - (status(stores).requests or 0)
    assert 0 < spent <= 2
    for _ in range(2):
        assert shared(stores, ends=("a",)).granted == ("b", "c")
    assert counts(stores) == (2, 0)


def test_what_does_not_exist_is_no_limit_and_is_named(stores: Stores) -> None:
    stores.commit(owner(), SaveLimit(name="api", concurrency=0))
    result = shared(stores, ask("a", "none"), ask("b", "api", "none"))
    assert (result.granted, result.unknown) == (("a",), ("none",))
    assert counts(stores) == (0, 1)


def test_executions_take_turns_however_much_one_has_asked_for(stores: Stores) -> None:
    """R47: an execution with many waiting attempts does not keep a later one waiting for all of them."""
    stores.commit(owner(), SaveLimit(name="api", concurrency=1))
    shared(stores, *(ask(f"a{number}", execution="e1") for number in range(5)))
    shared(stores, *(ask(f"b{number}", execution="e2") for number in range(2)))
    order = []
    while held := shared(stores).granted:
        order.extend(held)
        shared(stores, ends=held)
    assert order == ["a0", "a1", "b0", "a2", "b1", "a3", "a4"]


def test_several_limits_are_granted_all_at_once_or_not_at_all(stores: Stores) -> None:
    stores.commit(owner(), SaveLimit(name="api", concurrency=1), SaveLimit(name="gpu", concurrency=1))
    assert shared(stores, ask("a", "api"), ask("both", "api", "gpu")).granted == ("a",)
    assert counts(stores, "gpu") == (0, 1)
    # Whoever comes later does not overtake in the limit that is free: "both" would starve.
    assert shared(stores, ask("g", "gpu")).granted == ("a",)
    assert shared(stores, ends=("a",)).granted == ("both",)
    assert shared(stores, ends=("both",)).granted == ("g",)


def test_two_that_need_both_limits_never_wait_for_each_other(stores: Stores) -> None:
    stores.commit(owner(), SaveLimit(name="api", concurrency=1), SaveLimit(name="gpu", concurrency=1))
    shared(stores, ask("x", "api"), ask("y", "gpu"), ask("1", "api", "gpu"), ask("2", "gpu", "api"))
    assert shared(stores, ends=("x", "y")).granted == ("1",)
    assert shared(stores, ends=("1",)).granted == ("2",)


def test_starts_per_minute_are_a_bucket(stores: Stores) -> None:
    stores.commit(owner(), SaveLimit(name="api", rpm=2))
    result = shared(stores, ask("a"), ask("b"), ask("c"))
    assert result.granted == ("a", "b")
    assert result.wait_ms is not None
    assert 0 < result.wait_ms <= 30_001
    # What has ended gives no start back.
    assert shared(stores, ends=("a", "b")).granted == ()


def test_tokens_are_reserved_by_estimate_and_corrected_by_what_was_spent(stores: Stores) -> None:
    stores.commit(owner(), SaveLimit(name="api", tpm=1_000))
    assert shared(stores, ask("a", tokens=900), ask("b", tokens=900)).granted == ("a",)
    result = stores.one(ShareLimits(owner_id="o1", ends=(LimitEnd("a", tokens=10),)))
    assert isinstance(result, Shared)
    assert result.granted == ("b",)
    stores.one(ShareLimits(owner_id="o1", ends=(LimitEnd("b", tokens=2_000),)))
    owed = status(stores).tokens
    assert owed is not None
    assert -1_100 < owed < -900


def test_an_estimate_beyond_the_bucket_is_granted_by_a_full_one(stores: Stores) -> None:
    stores.commit(owner(), SaveLimit(name="api", tpm=100))
    assert shared(stores, ask("a", tokens=5_000)).granted == ("a",)
    assert shared(stores, ask("b", tokens=1)).granted == ("a",)


def test_a_pause_holds_everybody_back_for_its_time(stores: Stores) -> None:
    """Retry-After of a 429 is about the resource, not about the attempt that met it."""
    stores.commit(owner(), SaveLimit(name="api", concurrency=5))
    stores.one(ShareLimits(owner_id="o1", pauses=(LimitPause("api", 60_000), LimitPause("none", 5))))
    result = shared(stores, ask("a"))
    assert result.granted == ()
    assert result.wait_ms is not None
    assert 50_000 < result.wait_ms <= 60_001
    assert status(stores).record.paused_until is not None


def test_a_changed_limit_counts_at_once(stores: Stores) -> None:
    stores.commit(owner(), SaveLimit(name="api", concurrency=1))
    shared(stores, *(ask(its_id) for its_id in "abcd"))
    stores.one(SaveLimit(name="api", concurrency=3))
    assert shared(stores).granted == ("a", "b", "c")
    stores.one(SaveLimit(name="api", concurrency=1))
    assert shared(stores, ends=("a",)).granted == ("b", "c")
    assert shared(stores, ends=("b",)).granted == ("c",)


def test_who_waits_for_a_limit_that_is_deleted_goes_on(stores: Stores) -> None:
    stores.commit(owner(), SaveLimit(name="api", concurrency=0), SaveLimit(name="gpu", concurrency=0))
    assert shared(stores, ask("a", "api"), ask("b", "api", "gpu")).granted == ()
    stores.one(DeleteLimit(name="api"))
    assert shared(stores).granted == ("a",)
    stores.one(DeleteLimit(name="gpu"))
    assert shared(stores).granted == ("a", "b")


def test_slots_of_a_dead_owner_come_back(stores: Stores) -> None:
    """L8: a crash leaks no slot."""
    stores.commit(owner("o1"), owner("o2"), SaveLimit(name="api", concurrency=1))
    shared(stores, ask("a"), ask("b"), by="o1")
    assert shared(stores, ask("c"), by="o2").granted == ()
    stores.one(ReleaseOwner(id="o1"))
    assert counts(stores) == (0, 1)
    assert shared(stores, by="o2", sweep=True).granted == ("c",)
    assert stores.one(ShareLimits(owner_id="o1", asks=(ask("d"),))) == Fenced()
    assert counts(stores) == (1, 0)


def adopt(stores: Stores, former: LimitAsk, its_id: str) -> Shared:
    taken = LimitAsk(its_id, former.execution_id, former.instance, former.attempt, former.limits)
    result = stores.one(ShareLimits(owner_id="o2", adopted=(taken,), sweep=True))
    assert isinstance(result, Shared)
    return result


def test_what_runs_on_under_another_owner_keeps_its_slot(stores: Stores) -> None:
    """R38: an adopted attempt counts, whether its dead owner's row is still there or swept away already."""
    stores.commit(owner("o1"), owner("o2"), SaveLimit(name="api", concurrency=1))
    running = ask("a")
    shared(stores, running, by="o1")
    stores.one(ReleaseOwner(id="o1"))
    for _ in range(2):
        assert adopt(stores, running, "o2.1").granted == ("o2.1",)
    assert shared(stores, ask("b"), by="o2").granted == ("o2.1",)
    assert counts(stores) == (1, 1)
    assert shared(stores, by="o2", ends=("o2.1",)).granted == ("b",)


def test_an_adopted_attempt_is_granted_though_nothing_is_free(stores: Stores) -> None:
    stores.commit(owner("o1"), owner("o2"), SaveLimit(name="api", concurrency=1))
    shared(stores, running := ask("a"), by="o1")
    # It is adopted before the lease of its owner has ended.
    assert adopt(stores, running, "o2.1").granted == ("o2.1",)
    assert counts(stores) == (1, 0)
    assert shared(stores, ends=("a",)).granted == ()
    assert adopt(stores, ask("z", "api", "none"), "o2.2").granted == ("o2.1", "o2.2")
    assert counts(stores) == (2, 0)


def test_owners_that_ask_at_once_never_exceed_the_limit(stores: Stores) -> None:
    stores.commit(*(owner(f"o{number}") for number in range(4)), SaveLimit(name="api", concurrency=3))
    committers = [stores.another_committer() for _ in range(4)]

    def use(number: int) -> None:
        for turn in range(5):
            asks = tuple(ask(f"o{number}.{turn}.{each}", execution=f"e{number}") for each in range(3))
            committers[number].commit([ShareLimits(owner_id=f"o{number}", asks=asks)])
            used = status(stores).used
            assert used <= 3
            committers[number].commit(
                [ShareLimits(owner_id=f"o{number}", ends=tuple(LimitEnd(one.id) for one in asks))]
            )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(use, range(4)))
    assert counts(stores) == (0, 0)


def test_more_than_a_window_that_waits_is_served_in_rounds(stores: Stores) -> None:
    stores.commit(owner(), SaveLimit(name="api", concurrency=1_000))
    result = shared(stores, *(ask(f"{number:03}") for number in range(150)))
    assert result.more
    while result.more:
        result = shared(stores)
    assert len(result.granted) == 150
