"""Names and MISSING."""

from __future__ import annotations

from flowray.expressions.names import MISSING, Missing, Names


def test_missing_is_falsy_and_equal_only_to_itself() -> None:
    assert not MISSING
    assert MISSING != None  # noqa: E711 - the point is that it is not equal to None
    assert Missing() != MISSING
    assert repr(MISSING) == "MISSING"


def test_names_default_to_nothing() -> None:
    names = Names()
    assert (names.loop, names.parallel, names.now_ms, names.elapsed_ms, names.flatten) == (
        None,
        None,
        None,
        None,
        False,
    )
    assert (dict(names.bound), dict(names.outputs), names.known) == ({}, {}, frozenset())
