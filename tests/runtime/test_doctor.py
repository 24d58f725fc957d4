"""What the doctor finds: law L7 and law L8, in one look."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.payloads.directory import DirectoryPayloads
from flowray.runtime.doctor import Diagnosis, examine
from tests.durability.leaks import leak
from tests.persistence.samples import insert, owner

NOW = 10**12
HOUR_MS = 3_600_000


def look(store: MemoryStore, files: DirectoryPayloads | None = None) -> Diagnosis:
    return examine(store, files or store.payloads, older_than_ms=25 * HOUR_MS)


def test_an_empty_store_is_well() -> None:
    found = look(MemoryStore())
    assert (found, found.is_well) == (Diagnosis(), True)


def test_what_goes_on_and_what_has_ended_is_well() -> None:
    store = MemoryStore(lambda: NOW)
    store.commit([owner("o1"), insert("e1"), insert("e2", status="waiting", wake_at=1), insert("e3", status="failed")])
    found = look(store)
    assert (found.is_well, found.claimable, found.owners) == (True, 2, 1)


def test_l7_an_execution_that_nothing_moves_is_named() -> None:
    store = MemoryStore(lambda: NOW)
    store.commit([insert("stuck", status="waiting", updated_at=NOW - 2 * HOUR_MS)])
    store.commit([insert("between-commits", status="waiting", updated_at=NOW - 1_000)])
    (problem,) = look(store).problems
    assert (problem.law, problem.execution_id) == ("L7", "stuck")
    assert "is waiting since 2001-09-08T23:46:40" in problem.message


def test_l8_what_nothing_refers_to_is_counted(tmp_path: Path) -> None:
    store = MemoryStore(lambda: NOW)
    files = DirectoryPayloads(tmp_path)
    store.commit([insert("e1", status="completed")])
    files.put("e1", "k", b"1")
    files.put("gone", "k", b"12345")
    files.put("gone", "k", b"young")
    for path in tmp_path.rglob("*"):
        age_h = 2 if path.is_file() and path.read_bytes() == b"young" else 26
        os.utime(path, (NOW / 1_000 - age_h * 3_600,) * 2)
    found = look(store, files)
    assert (found.orphan_payloads, found.orphan_bytes) == (1, 5)
    (problem,) = found.problems
    assert (problem.law, "1 stored values" in problem.message, "flowray gc" in problem.hint) == ("L8", True, True)
    assert not found.is_well


def test_l8_values_that_an_ended_execution_names_nowhere(tmp_path: Path) -> None:
    """Of attempts that came to nothing: in the database and in files."""
    store, files = MemoryStore(lambda: NOW), DirectoryPayloads(tmp_path)
    for its_id, hours in (("old", 26), ("young", 24), ("crashed", 26)):
        status = "crashed" if its_id == "crashed" else "completed"
        store.commit([insert(its_id, status=status, ended_at=NOW - hours * HOUR_MS)])
        store.payloads.put(its_id, "k", b"123")
        files.put(its_id, "k", b"12345")
    for path in tmp_path.rglob("*"):
        os.utime(path, (NOW / 1_000 - 30 * 3_600,) * 2)
    for payloads, rows_and_files in ((store.payloads, (1, 3)), (files, (2, 8))):
        found = examine(store, payloads, older_than_ms=25 * HOUR_MS)
        assert (found.unnamed_values, found.unnamed_bytes) == rows_and_files
        assert [problem.law for problem in found.problems] == ["L8"]


def test_l8_what_is_spent_is_named_one_by_one(stores_with_leaks: MemoryStore) -> None:
    store = stores_with_leaks
    found = examine(store, store.payloads, older_than_ms=HOUR_MS, history_ms=24 * HOUR_MS)
    counts = (found.limit_uses, found.metadata_changes, found.callbacks, found.waitpoints, found.firings)
    assert counts == (1, 1, 1, 1, 1)
    spoken = " ".join(problem.message for problem in found.problems)
    for words in ("uses of limits", "changes of metadata", "callbacks", "waitpoints", "firings"):
        assert words in spoken
    assert look(MemoryStore(lambda: NOW)).is_well


@pytest.fixture
def stores_with_leaks() -> MemoryStore:
    """One of each, made by hand, two days ago."""
    now = [NOW - 48 * HOUR_MS]
    store = MemoryStore(lambda: now[0])
    leak(store.commit)
    now[0] = NOW
    return store


def test_l8_owners_that_are_long_gone() -> None:
    store = MemoryStore(lambda: NOW)
    store.commit([owner("dead", lease_ms=-26 * HOUR_MS), owner("just-stopped", lease_ms=-1)])
    found = look(store)
    assert (found.dangling_owners, found.owners) == (1, 0)
    assert [problem.law for problem in found.problems] == ["L8"]
