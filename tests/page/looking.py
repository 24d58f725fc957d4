"""What tests ask of the page they see, and pictures of it for people to look at."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

SHOTS = os.environ.get("PAGE_SCREENSHOTS")
"""A folder for screenshots that a person looks at; none are taken without it."""


def shoot(page: Any, name: str) -> None:
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


def node_class(page: Any, node_id: str) -> str:
    return str(page.locator(f'[data-node="{node_id}"]').get_attribute("class"))
