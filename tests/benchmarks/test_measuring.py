"""What a figure says of itself, and that nothing counts which ran with less than the default durability."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import measuring
from benchmarks.local import local_runtime
from benchmarks.measuring import DEFAULT_DURABILITY, Figure, Goal, quoted, relaxed, report


def test_goals_are_kept_from_below_or_from_above() -> None:
    assert (str(Goal(0.015)), str(Goal(1_000, at_least=True))) == ("≤ 0.015", "≥ 1,000")
    assert Goal(1.2).met_by(1.2)
    assert not Goal(1.2).met_by(1.21)
    assert Goal(10, at_least=True).met_by(10)
    assert not Goal(10, at_least=True).met_by(9.9)


def test_medians_are_quoted_with_their_spread() -> None:
    assert quoted([0.3, 0.1, 0.2], "s") == "0.2 s (0.1 … 0.3, n=3)"
    assert quoted([1234.5], "/s") == "1,234 /s (1,234 … 1,234, n=1)"


def test_a_line_has_both_columns() -> None:
    line = Figure("chain", "s", [0.5], "here to there", http=[0.75]).line()
    assert line.split(maxsplit=1)[1].strip() == "0.5 s (0.5 … 0.5, n=1)  over HTTP 0.75 s (0.75 … 0.75, n=1)"


def test_an_invalid_figure_shows_the_reason_instead() -> None:
    line = Figure("chain", "s", [0.5], "here to there", valid=False, note="2 events of 3").line()
    assert line.split() == ["chain", "INVALID", "2", "events", "of", "3"]


@pytest.mark.parametrize(
    "mode",
    [
        "SQLite, journal_mode=WAL, synchronous=NORMAL: commits survive process death only",
        "PostgreSQL, synchronous_commit=off: commits survive process death only",
        "PostgreSQL with fsync off",
        None,
    ],
)
def test_less_than_the_default_durability_does_not_count(
    mode: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(measuring, "RESULTS", tmp_path)
    report("Relaxed", [Figure("chain", "s", [0.5], "here to there")], "relaxed", {"durability_mode": mode})
    assert f"INVALID  durability is not the default: {mode}" in capsys.readouterr().out
    (figure,) = json.loads((tmp_path / "local/relaxed.json").read_text())["figures"]
    assert (figure["valid"], figure["note"]) == (False, f"durability is not the default: {mode}")


def test_the_default_is_what_an_unchanged_runtime_says() -> None:
    with local_runtime() as local:
        assert local.facts() == {"database": "sqlite", "durability_mode": DEFAULT_DURABILITY[0]}


def test_a_server_whose_environment_relaxes_durability_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The benchmarks' servers inherit the environment; so does the runtime in process."""
    monkeypatch.setenv("FLOWRAY_SQLITE_SYNCHRONOUS", "NORMAL")
    with local_runtime() as local:
        assert "synchronous=NORMAL" in relaxed(local.facts()["durability_mode"])
