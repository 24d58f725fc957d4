"""Which values fit a declared type."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.definition.variable_types import checked_type, fits, type_name

SAMPLES: dict[str, Any] = {"string": "a", "boolean": True, "object": {}, "array": []}


@pytest.mark.parametrize(
    ("written", "kind"),
    [("string", "string"), ("Text", "string"), ("list", "array"), ("int", "integer"), ("BOOL", "boolean")],
)
def test_spellings(written: str, kind: str) -> None:
    assert checked_type(written) == kind


@pytest.mark.parametrize("written", [None, "", "any", "json", "plain", "unheard of"])
def test_what_is_not_checked(written: str | None) -> None:
    assert checked_type(written) is None


def test_each_type_fits_its_values_and_null() -> None:
    for kind in SAMPLES:
        assert [name for name, value in SAMPLES.items() if fits(value, kind)] == [kind]
        assert fits(None, kind)


@pytest.mark.parametrize(
    ("value", "number", "integer"), [(1, True, True), (1.5, True, False), (2.0, True, True), (True, False, False)]
)
def test_numbers(value: Any, number: bool, integer: bool) -> None:
    assert (fits(value, "number"), fits(value, "integer")) == (number, integer)


def test_names_of_types() -> None:
    assert [type_name(value) for value in (None, True, 1, 1.5, "a", {}, [])] == [
        "null", "boolean", "number", "number", "string", "object", "array",
    ]  # fmt: skip
