"""docs/features.md: every row has a status; what is done or partial names modules and tests that exist."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest

from tests.rules.source import DOCS, ROOT

ISSUES = {"Skeleton", "Engine", "Durability", "Speed", "Nodes", "People", "Security"}
CELL_PATH = re.compile(r"`([\w./-]+)`")


class Row(NamedTuple):
    """A feature, where it is, what tests it, and how far it is."""

    feature: str
    module: str
    test: str
    status: str


def rows() -> list[Row]:
    """Every row of every table of the page."""
    found = []
    for line in (DOCS / "features.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if line.startswith("| ") and len(cells) == 4 and cells[0] != "feature":
            found.append(Row(*cells))
    return found


def test_the_page_has_rows_for_every_issue() -> None:
    page = (DOCS / "features.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^## (\w+)", page, re.MULTILINE)) == ISSUES
    assert len(rows()) > 100


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.feature[:60])
def test_a_row_is_true(row: Row) -> None:
    planned = re.fullmatch(r"planned: (\w+)", row.status)
    if planned:
        assert planned.group(1) in ISSUES
        return
    assert row.status == "done" or re.fullmatch(r"partial: .+", row.status), row.status
    paths = CELL_PATH.findall(row.module), CELL_PATH.findall(row.test)
    assert all(paths), "a feature that exists names its module and its test"
    assert [path for path in (*paths[0], *paths[1]) if not (ROOT / path).exists()] == []
