"""The generated pages are those of the present code."""

from __future__ import annotations

import pytest

from tests.rules.generate import PAGES
from tests.rules.source import DOCS


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name](), "run: make docs"
