"""The generated pages are those of the present code."""

from __future__ import annotations

import pytest

from tests.rules.generate import PAGES
from tests.rules.source import DOCS


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name](), "run: make docs"


def test_there_is_no_page_of_a_node_type_that_is_gone() -> None:
    found = {f"nodes/{page.name}" for page in (DOCS / "nodes").glob("*.md")}
    assert found - set(PAGES) == set(), "run: make docs"
