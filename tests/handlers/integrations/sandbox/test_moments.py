"""Placeholders of recorded replies."""

from __future__ import annotations

from uuid import UUID

from flowray.handlers.integrations.sandbox.moments import filled
from tests.fakes.services import NOW_MS


def test_times_and_ids_are_filled_at_any_depth_and_the_rest_stays() -> None:
    value = {"a": [{"at": "on {{iso}}", "s": "{{timestamp}}"}], "n": 1, "t": "{{name}}"}
    assert filled(value, NOW_MS, "k") == {
        "a": [{"at": "on 2025-06-15T15:06:40.000Z", "s": "1750000000"}], "n": 1, "t": "{{name}}",
    }  # fmt: skip


def test_an_id_is_the_same_for_the_same_call_and_place_and_no_other() -> None:
    first = filled(["{{uuid}}", "{{uuid}}"], NOW_MS, "k")
    assert isinstance(first, list)
    assert first == filled(["{{uuid}}", "{{uuid}}"], NOW_MS + 5, "k")
    assert first[0] != first[1]
    assert UUID(str(first[0])).version == 4
    assert filled("{{uuid}}", NOW_MS, "other") != first[0]
