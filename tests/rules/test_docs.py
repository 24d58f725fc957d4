"""What the documents point at exists: files, headings, make targets, commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flowray.cli.main import COMMANDS
from tests.rules.source import ROOT, documents, name_of

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE_PATH = re.compile(r"`((?:flowray|tests|docs|examples|benchmarks|notebooks)/[\w./-]*)`")
MAKE = re.compile(r"\bmake ([a-z][a-z-]+)\b")
COMMAND = re.compile(r"(?:^|\s|`|/)flowray ([a-z]+)\b")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def _anchors(path: Path) -> set[str]:
    headings = HEADING.findall(path.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _code(text: str) -> str:
    """The code of a page: fenced blocks and inline code."""
    return "\n".join(re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL) + re.findall(r"`([^`\n]+)`", text))


@pytest.mark.parametrize("page", documents(), ids=name_of)
def test_internal_links_lead_somewhere(page: Path) -> None:
    missing = []
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (page.parent / file).resolve() if file else page
        if not there.exists() or (anchor and anchor not in _anchors(there)):
            missing.append(target)
    assert missing == []


@pytest.mark.parametrize("page", documents(), ids=name_of)
def test_files_that_are_named_exist(page: Path) -> None:
    named = CODE_PATH.findall(page.read_text(encoding="utf-8"))
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", documents(), ids=name_of)
def test_make_targets_and_commands_exist(page: Path) -> None:
    code = _code(page.read_text(encoding="utf-8"))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(MAKE.findall(code)) - targets == set()
    planned = set(re.findall(r"planned: `flowray ([a-z]+)`", page.read_text(encoding="utf-8")))
    assert set(COMMAND.findall(code)) - set(COMMANDS) - planned == set()


def test_continuous_integration_runs_what_the_readme_says() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "exec make test" in script
    assert "make test" in (ROOT / "README.md").read_text(encoding="utf-8")
