"""Group commit: order, bounds, retries, and what callers get."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.journal import DirectJournal, JournalOptions, ThreadJournal
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.writes import AnyResult, AnyWrite, Done, Inserted, Saved
from tests.persistence.samples import FaultyCommitter, append, owned, save

NO_DELAY = JournalOptions(first_retry_s=0, longest_retry_s=0)


class GatedCommitter(FaultyCommitter):
    """Commits only while the gate is open, so that tests decide what is queued meanwhile."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.gate = threading.Event()
        self.entered = threading.Event()

    def commit(self, writes: Sequence[AnyWrite]) -> list[AnyResult]:
        self.entered.set()
        assert self.gate.wait(60)
        return super().commit(writes)


class Answers:
    """Collects what callbacks were given, in order."""

    def __init__(self, expected: int) -> None:
        self.given: list[tuple[list[AnyResult] | None, Exception | None]] = []
        self._complete = threading.Event()
        self._expected = expected

    def __call__(self, results: list[AnyResult] | None, error: Exception | None) -> None:
        self.given.append((results, error))
        if len(self.given) == self._expected:
            self._complete.set()

    def wait(self) -> list[tuple[list[AnyResult] | None, Exception | None]]:
        assert self._complete.wait(60)
        return self.given


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def gated(store: MemoryStore) -> Iterator[tuple[GatedCommitter, ThreadJournal]]:
    committer = GatedCommitter(store)
    journal = ThreadJournal(committer, JournalOptions(max_writes=4, max_bytes=1_000, first_retry_s=0))
    # The first submission keeps the journal busy at the gate; what follows is queued.
    journal.submit([save("first")], lambda results, error: None)
    assert committer.entered.wait(60)
    yield committer, journal
    committer.gate.set()
    journal.close()


def ids(groups: Sequence[Sequence[AnyWrite]]) -> list[list[str]]:
    return [[getattr(write, "id", "") for write in group] for group in groups]


def test_what_queues_up_shares_one_transaction_and_is_answered_in_order(
    gated: tuple[GatedCommitter, ThreadJournal],
) -> None:
    committer, journal = gated
    answers = Answers(3)
    for name in ("a", "b", "c"):
        journal.submit([save(name)], answers)
    committer.gate.set()
    saved = Saved(version=1, created_at=1_000, updated_at=1_000)
    assert answers.wait() == [([saved], None)] * 3
    assert ids(committer.groups) == [["first"], ["a", "b", "c"]]
    statistics = journal.statistics()
    assert (statistics.groups, statistics.writes, statistics.largest_group, statistics.queued) == (2, 4, 3, 0)


def test_each_caller_gets_the_results_of_its_own_writes(gated: tuple[GatedCommitter, ThreadJournal]) -> None:
    committer, journal = gated
    answers = Answers(2)
    journal.submit([owned("e1"), append("e1")], answers)
    journal.submit([append("e1", expected_seq=2)], answers)
    committer.gate.set()
    assert answers.wait() == [([Inserted(id="e1", status="queued"), Done()], None), ([Done()], None)]


def test_a_group_is_bounded_by_writes(gated: tuple[GatedCommitter, ThreadJournal]) -> None:
    committer, journal = gated
    answers = Answers(4)
    for names in ("abc", "d", "e", "fghijk"):
        journal.submit([save(name) for name in names], answers)
    committer.gate.set()
    answers.wait()
    # Six writes of one submission exceed the bound of four, but a submission is never cut.
    assert ids(committer.groups) == [["first"], ["a", "b", "c", "d"], ["e"], ["f", "g", "h", "i", "j", "k"]]


def test_a_group_is_bounded_by_bytes(gated: tuple[GatedCommitter, ThreadJournal]) -> None:
    committer, journal = gated
    answers = Answers(3)
    for _ in range(3):
        journal.submit([append("e1", events=b"[" + b" " * 600 + b"]")], answers)
    committer.gate.set()
    answers.wait()
    assert [len(group) for group in committer.groups] == [1, 1, 1, 1]


def test_an_unavailable_database_is_tried_again_with_the_same_group(store: MemoryStore) -> None:
    committer = FaultyCommitter(store, before=3)
    journal = ThreadJournal(committer, NO_DELAY)
    assert journal.commit([owned(), append()]) == [Inserted(id="e1", status="queued"), Done()]
    assert len(committer.groups) == 4
    assert all(group == committer.groups[0] for group in committer.groups)
    assert journal.statistics().retries == 3
    journal.close()


def test_lost_acknowledgement_the_repeat_is_recognised_and_nothing_is_written_twice(store: MemoryStore) -> None:
    committer = FaultyCommitter(store, after=2)
    journal = ThreadJournal(committer, NO_DELAY)
    assert journal.commit([owned()]) == [Inserted(id="e1", status="queued")]
    committer.after = 1
    assert journal.commit([append(), append(expected_seq=2)]) == [Done(), Done()]
    assert [event.seq for event in store.events.read("e1")] == [1, 2, 3, 4]
    journal.close()


def test_after_close_the_queue_is_committed_and_nothing_more_is_taken(
    gated: tuple[GatedCommitter, ThreadJournal], store: MemoryStore
) -> None:
    committer, journal = gated
    answers = Answers(1)
    journal.submit([save("last")], answers)
    committer.gate.set()
    journal.close()
    assert store.workflow("last") is not None
    assert answers.wait()[0][1] is None
    with pytest.raises(FlowrayError) as caught:
        journal.submit([save("late")], answers)
    assert caught.value.code == ErrorCode.DATABASE_UNAVAILABLE
    journal.close()


def test_closing_while_the_database_is_away_reports_the_error(store: MemoryStore) -> None:
    committer = FaultyCommitter(store, before=1_000_000)
    journal = ThreadJournal(committer, JournalOptions(first_retry_s=60, longest_retry_s=60))
    answers = Answers(1)
    journal.submit([save()], answers)
    journal.close()  # also ends the wait of a minute
    results, error = answers.wait()[0]
    assert results is None
    assert isinstance(error, FlowrayError)
    assert error.code == ErrorCode.DATABASE_UNAVAILABLE
    assert store.workflow("wf") is None


class BrokenCommitter:
    def commit(self, writes: Sequence[AnyWrite]) -> list[AnyResult]:
        raise FlowrayError(ErrorCode.INTERNAL, "broken")


def test_other_errors_reach_the_callers_at_once_and_the_journal_goes_on() -> None:
    journal = ThreadJournal(BrokenCommitter(), NO_DELAY)
    for _ in range(2):
        with pytest.raises(FlowrayError, match="broken"):
            journal.commit([save()])
    journal.close()


def test_a_failing_callback_harms_nobody_else(store: MemoryStore, caplog: pytest.LogCaptureFixture) -> None:
    journal = ThreadJournal(store)

    def fail(results: list[AnyResult] | None, error: Exception | None) -> None:
        raise ValueError("the callback's own fault")

    journal.submit([save("a")], fail)
    assert journal.commit([save("b")])
    journal.close()
    assert "a callback of the journal failed" in caplog.text


def test_a_callback_that_waits_for_the_journal_is_told_so_instead_of_hanging(store: MemoryStore) -> None:
    journal = ThreadJournal(store)
    answers = Answers(1)

    def commit_again(results: list[AnyResult] | None, error: Exception | None) -> None:
        try:
            journal.commit([save("b")])
        except RuntimeError as wrong:
            answers(None, wrong)

    journal.submit([save("a")], commit_again)
    assert "cannot wait" in str(answers.wait()[0][1])
    journal.close()


def test_the_direct_journal_commits_in_the_callers_thread(store: MemoryStore) -> None:
    journal = DirectJournal(FaultyCommitter(store, before=1))
    answers = Answers(2)
    journal.submit([save()], answers)
    journal.submit([save()], answers)
    (_, error), (results, no_error) = answers.wait()
    assert isinstance(error, FlowrayError)
    assert (results, no_error) == ([Saved(version=1, created_at=1_000, updated_at=1_000)], None)
    journal.close()
