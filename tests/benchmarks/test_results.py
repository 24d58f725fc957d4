"""The table at the end, and the files that are kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.results import Document, keep, newest, slug, table

MACHINE: dict[str, Any] = {
    "python": "3.11.7", "system": "Linux 6", "processor": "AMD EPYC", "cores": 2, "load": [0.5, 0.4, 0.3],
    "versions": {"flowray": "0.1.0", "ray": "2.60.0"}, "at": "2026-11-23T22:10:00Z",
}  # fmt: skip


def figure(name: str, **fields: Any) -> dict[str, Any]:
    return {
        "name": name, "unit": "s", "samples": [0.2, 0.1234567891, 0.3], "boundary": "here to there", "valid": True,
        "note": "", "details": {}, "http": [], "goal": None, "median": 0.2, **fields,
    }  # fmt: skip


def document(title: str, database: str, *figures: dict[str, Any]) -> Document:
    facts = {"database": database, "durability_mode": f"{database} is durable", "proxy_mode": "python"}
    return {"title": title, "machine": MACHINE, "facts": facts, "figures": list(figures)}


def test_databases_stand_side_by_side_with_engine_and_http() -> None:
    goal = {"limit": 0.25, "at_least": False}
    lite = document(
        "Work, sqlite", "sqlite", figure("chain", http=[0.5], goal=goal), figure("  in a second", unit="/s")
    )
    post = document("Work, postgresql", "postgresql", figure("chain", median=0.3, goal=goal))
    lines = table([lite, post]).splitlines()
    assert lines[0] == "AMD EPYC, 2 cores, Linux 6, Python 3.11.7, 2026-11-23"
    assert "SQLite: sqlite is durable; on Ray, python proxy of Serve" in lines
    assert "PostgreSQL: postgresql is durable; on Ray, python proxy of Serve" in lines
    rows = [line for line in lines if line.startswith("|")]
    assert rows[0] == "| work | goal | SQLite | SQLite, over HTTP | PostgreSQL | PostgreSQL, over HTTP |"
    assert rows[2] == "| **Work** |  |  |  |  |  |"
    spread = "0.2 s (0.123 … 0.3, n=3)"
    assert rows[3] == f"| chain | ≤ 0.25 s | {spread} ✓ | 0.5 s (0.5 … 0.5, n=1) | {spread} ✗ | \u2013 |"
    assert rows[4] == f"| &emsp;in a second |  | {spread.replace(' s ', ' /s ')} | \u2013 | \u2013 | \u2013 |"
    assert lines[-1] == "- here to there (chain; in a second)"


def test_a_broken_run_says_invalid_in_the_table() -> None:
    broken = figure("chain", valid=False, note="2 events of 3", http=[0.5], goal={"limit": 1, "at_least": False})
    rows = [line for line in table([document("Work", "sqlite", broken)]).splitlines() if line.startswith("| chain")]
    assert rows == ["| chain | ≤ 1 s | INVALID: 2 events of 3 |  |"]


def test_what_is_kept_is_one_file_for_each_database_and_a_report_takes_the_place_of_its_title(tmp_path: Path) -> None:
    first = document("Work, sqlite", "sqlite", figure("chain", details={"size": 10, "points": [[1, 2]]}))
    other = document("Start", "sqlite", figure("start"))
    on_post = document("Work, postgresql", "postgresql", figure("chain"))
    written = keep([first, other, on_post], tmp_path)
    assert [file.name for file in written] == [
        "2026-11-23-2-cores-amd-epyc-sqlite.json",
        "2026-11-23-2-cores-amd-epyc-postgresql.json",
    ]
    keep([document("Work, sqlite", "sqlite", figure("chain", median=0.7))], tmp_path)
    reports = newest("sqlite", tmp_path)
    assert [report["title"] for report in reports] == ["Work, sqlite", "Start"]
    assert reports[0]["figures"][0]["median"] == 0.7
    (kept,) = json.loads(written[1].read_text())["reports"][0]["figures"]
    assert kept["samples"] == [0.2, 0.123457, 0.3]


def test_what_is_too_much_to_keep_is_left_out(tmp_path: Path) -> None:
    keep([document("Work", "sqlite", figure("chain", details={"size": 10, "points": [[1, 2]]}))], tmp_path)
    assert newest("sqlite", tmp_path)[0]["figures"][0]["details"] == {"size": 10}


def test_reports_of_another_kind_have_a_file_of_their_own(tmp_path: Path) -> None:
    (file,) = keep([document("Peers", "sqlite", figure("chain"))], tmp_path, "peers")
    assert file.name == "2026-11-23-2-cores-amd-epyc-peers.json"
    assert newest("sqlite", tmp_path) == []


def test_without_results_there_are_none(tmp_path: Path) -> None:
    assert newest("sqlite", tmp_path) == []
    assert slug({"cores": 64, "processor": "Intel(R) Xeon(R) @ 2.80GHz"}) == "64-cores-intel-r-xeon-r-2-80ghz"
