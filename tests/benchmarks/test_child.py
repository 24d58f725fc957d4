"""A script that is asked line by line, and what happens where it ends before its time."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import child as children
from benchmarks.child import child


def test_it_is_asked_and_ends_with_its_standard_input(tmp_path: Path) -> None:
    script = tmp_path / "double.py"
    script.write_text(
        "import sys\nprint('from', sys.argv[1], flush=True)\n"
        "for line in sys.stdin:\n    print(2 * int(line), flush=True)\n"
        f"open({str(tmp_path / 'ended')!r}, 'w').close()\n"
    )
    with child(str(script), 7) as (said, ask):
        assert said == "from 7"
        assert [ask("1"), ask("21")] == ["2", "42"]
    assert (tmp_path / "ended").exists()


def test_one_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "END_LIMIT_S", 0.1)
    script = tmp_path / "stays.py"
    script.write_text("import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)\n")
    with child(str(script)) as (pid, _):
        assert Path(f"/proc/{pid}").exists()
    assert not Path(f"/proc/{pid}").exists()


def test_why_it_ended_is_said(tmp_path: Path) -> None:
    script = tmp_path / "fails.py"
    script.write_text("print('ready', flush=True)\ninput()\nraise SystemExit('no such port')\n")
    with child(str(script)) as (_, ask), pytest.raises(RuntimeError, match="no such port"):
        ask("anything")
