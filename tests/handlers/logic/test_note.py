"""Notes run without doing anything."""

from __future__ import annotations

from tests.handlers.running import output


async def test_a_note_is_harmless() -> None:
    assert await output("annotation", {"text": "see {{x}}"}) == {}
