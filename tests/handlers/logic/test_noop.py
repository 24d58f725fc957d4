"""Nothing, under three names."""

from __future__ import annotations

import pytest

from tests.handlers.running import output


@pytest.mark.parametrize("name", ["noop", "skip", "placeholder"])
async def test_nothing_happens(name: str) -> None:
    assert await output(name, {"whatever": 1}) == {"skipped": True}
