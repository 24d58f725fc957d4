"""Where placeholders begin and end."""

from __future__ import annotations

import pytest

from flowray.expressions.parser import parse_expression
from flowray.expressions.placeholders import Placeholder, split


def _sources(text: str, *, dollar: bool = False) -> list[str]:
    parts = split(text, parse_expression, dollar=dollar)
    assert "".join(part if isinstance(part, str) else part.source for part in parts) == text
    return [part.source for part in parts if isinstance(part, Placeholder)]


@pytest.mark.parametrize(
    ("text", "sources"),
    [
        ("Hello {{name}}, {{ b }}!", ["{{name}}", "{{ b }}"]),
        ("{{{x}}}", ["{{x}}"]),
        ('{"a":{"b":{{x}}}}', ["{{x}}"]),
        ("{{ a {{b}}", ["{{b}}"]),
        ("{{x || {}}}", ["{{x || {}}}"]),
        ("{{ x || '}}' }} end", ["{{ x || '}}' }}"]),
        ("{{ open", []),
        ("}} {{", []),
        ("{{}}", ["{{}}"]),
        ("${x} {{y}}", ["{{y}}"]),
    ],
)
def test_braces(text: str, sources: list[str]) -> None:
    assert _sources(text) == sources


@pytest.mark.parametrize(
    ("text", "sources"),
    [
        ("${x} {{y}} ${z.a[0]}", ["${x}", "{{y}}", "${z.a[0]}"]),
        ("costs ${{amount}}", ["{{amount}}"]),
        ("${{a}} ${b}", ["{{a}}", "${b}"]),
        ("{{ open ${x}", ["${x}"]),
        ("${$now()}", ["${$now()}"]),
        ("${open {{x}", ["${open {{x}"]),
    ],
)
def test_dollars_if_asked(text: str, sources: list[str]) -> None:
    assert _sources(text, dollar=True) == sources


def test_what_does_not_parse_has_a_reason_and_no_tree() -> None:
    (part,) = split("{{ Your name here }}", parse_expression)
    assert isinstance(part, Placeholder)
    assert (part.node, part.inner) == (None, "Your name here")
    assert "expected an operator or the end but found 'name'" in part.reason


def test_many_openings_are_linear() -> None:
    assert _sources("{{" * 200_000) == []
    assert len(_sources("{{a}} {{" * 20_000)) == 20_000
