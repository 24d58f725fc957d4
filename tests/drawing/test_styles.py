import re

import pytest

from flowray.drawing.labels import STATUSES
from flowray.drawing.styles import style_sheet


def test_auto_follows_the_readers_system() -> None:
    sheet = style_sheet("auto", STATUSES)
    assert "@media (prefers-color-scheme:dark){.fr-auto{" in sheet
    assert "prefers-color-scheme" not in style_sheet("dark", STATUSES)


def test_two_themes_on_one_page_do_not_mix() -> None:
    assert style_sheet("light", STATUSES).startswith(".fr-light{")
    assert style_sheet("dark", STATUSES).startswith(".fr-dark{")


def test_every_colour_that_is_used_is_defined() -> None:
    sheet = style_sheet("auto", STATUSES)
    used = set(re.findall(r"var\((--fr-[\w-]+)\)", sheet)) - {"--fr-state"}
    assert used <= set(re.findall(r"(--fr-[\w-]+):", sheet))
    assert {f"--fr-{status}" for status in STATUSES} <= used


def test_an_unknown_theme_is_refused() -> None:
    with pytest.raises(ValueError, match="theme must be auto, light or dark"):
        style_sheet("pink", STATUSES)
