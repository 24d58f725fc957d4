"""Values that ended executions name nowhere: found in rows and in files, and collected once by retention (L8)."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from flowray.errors import FlowrayError
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.payloads.directory import DirectoryPayloads
from flowray.runtime.retention import DAY_MS, RetentionPolicy
from flowray.runtime.value_sweep import sweeps
from flowray.values import describe
from tests.integration.test_lanes_alike import EDGES, INPUTS, nodes
from tests.persistence.samples import insert
from tests.runtime.test_local import bench
from tests.runtime.test_retention import NOW, World, aged
from tests.runtime.workflows import compiled

BEFORE = NOW - DAY_MS
LATER = 10**15


def blobs(root: Path) -> list[str]:
    """Whose blobs are there."""
    return sorted(path.parent.name for path in root.rglob("*") if path.is_file())


def test_rows_are_told_from_files(tmp_path: Path) -> None:
    store, files = MemoryStore(lambda: NOW), DirectoryPayloads(tmp_path)
    kept = files.put("e1", "k", b"kept")
    store.commit([insert("e1", status="failed", ended_at=5, outputs=describe(kept, None, b"kept"))])
    row, file = store.payloads.put("e1", "k", b"row"), files.put("e1", "k", b"file")
    aged(tmp_path, 2)
    (found,) = sweeps(store, files, BEFORE)
    assert (found.execution_id, found.rows, found.files) == ("e1", {row: 3}, {file: 4})
    write = found.write(BEFORE)
    assert (write.payload_ids, write.before) == ((row,), BEFORE)
    store.commit([write])
    assert sweeps(store, files, BEFORE) == []


async def test_a_round_removes_files_that_nothing_names_once(tmp_path: Path) -> None:
    world = World(DirectoryPayloads(tmp_path))
    kept = world.payloads.put("e0", "k", b"kept")
    world.ended("e0", 2, outputs=describe(kept, None, b"kept"))
    world.ended("fresh", 0)
    world.store.commit([insert("open", status="running")])
    for name in ("e0", "fresh", "open", "e0"):
        world.payloads.put(name, "k", b"lost")
    aged(tmp_path, 3)
    for number in range(1, 121):
        world.ended(f"e{number}", 2)
        world.payloads.put(f"e{number}", "k", b"lost")
    aged(tmp_path, 3)
    policy = RetentionPolicy()
    assert (await world.retention(policy).preview()).payloads == 121
    report = await world.retention(policy).run()
    assert (report.payloads, report.bytes) == (121, 121 * 4)
    assert world.payloads.get(kept) == b"kept"
    commits = world.commits
    again = await world.retention(policy).run()
    assert (again.payloads, world.commits - commits <= 6) == (0, True)
    assert blobs(tmp_path) == ["e0", "fresh", "open"]


@pytest.mark.parametrize("at", range(1, 8))
async def test_a_round_that_dies_anywhere_is_made_up_for_by_the_next(tmp_path: Path, at: int) -> None:
    world = World(DirectoryPayloads(tmp_path))
    for number in range(60):
        world.ended(f"e{number}", 2)
        world.payloads.put(f"e{number}", "k", b"lost")
    aged(tmp_path, 3)
    world.dies_at = at
    with contextlib.suppress(FlowrayError):  # or it is done before
        await world.retention(RetentionPolicy()).run()
    world.dies_at = None
    await world.retention(RetentionPolicy()).run()
    assert blobs(tmp_path) == []
    assert sweeps(world.store, world.payloads, BEFORE) == []


def test_a_value_that_is_wanted_again_meanwhile_stays(tmp_path: Path) -> None:
    files = DirectoryPayloads(tmp_path)
    name = files.put("e1", "k", b"1")
    os.utime(tmp_path / "e1" / name.rpartition(".")[2], (5, 5))
    assert files.stored("e1", NOW) == {name: 1}
    files.put("e1", "k", b"1")
    assert files.drop({name: 1}, NOW).blobs == 0
    assert files.get(name) == b"1"


async def test_whatever_a_run_has_stored_is_named_by_its_rows() -> None:
    """Large outputs, results of a loop and what came of each item: nothing of it may ever be taken for lost."""
    big = "x" * 40_000
    found = nodes(None)
    found["keep"] = {"type": "transform", "name": "keep", "config": {
        "operation": "template", "template": f"{{{{city}}}}{big}"}}  # fmt: skip
    found["each"]["config"]["outputVariable"] = "many"
    found["out"]["config"]["value"] = {"many": "{{many}}", "big": "{{big}}"}
    edges = [("add", "keep"), ("keep", "each"), *(edge for edge in EDGES if edge != ("add", "each"))]
    arrows = [f"{source} {handle[0] if handle else ''}-> {target}" for source, target, *handle in edges]
    async with bench() as desk:
        row = await desk.run(compiled(found, *arrows, name="large"), **{**INPUTS, "cities": list("abcdefgh")})
        assert row.status == "completed", row.error
        lost = desk.store.payloads.put(row.id, "k", b"lost")
        assert len(desk.store.upkeep.values.stored(row.id, LATER)) > 8
        (sweep,) = sweeps(desk.store, desk.store.payloads, LATER)
        assert sweep.rows == {lost: 4}
