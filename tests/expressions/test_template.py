"""Filling configs."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.expressions.names import Names
from flowray.expressions.template import FillOptions, TemplateWarning, fill, fill_json, fill_text, parse_template

NAMES = Names(
    outputs={"llm": {"text": "hi", "tags": ["a", 1], "ok": True, "none": None}},
    inputs={"n": 5, "first name": "Ann"},
    known=frozenset({"skipped"}),
)


def _filled(value: Any, **options: bool) -> tuple[Any, list[tuple[str, str, str]]]:
    warnings: list[TemplateWarning] = []
    result = fill(value, NAMES, options=FillOptions(**options), warnings=warnings)
    return result, [(warning.kind, warning.placeholder, warning.pointer) for warning in warnings]


def test_a_whole_config_is_filled_and_the_given_one_untouched() -> None:
    config = {"url": "/{{n}}/{{ llm.text }}", "body": [{"tags": "{{llm.tags}}"}, 3, None], "{{n}}": "{{n}}"}
    before = repr(config)
    assert _filled(config) == ({"url": "/5/hi", "body": [{"tags": ["a", 1]}, 3, None], "{{n}}": 5}, [])
    assert repr(config) == before


def test_within_text_values_become_text() -> None:
    text = "{{n}} {{llm.ok}} {{llm.none}} {{llm.tags}} {{llm}}"
    expected = '5 true null ["a",1] {"text":"hi","tags":["a",1],"ok":true,"none":null}'
    assert _filled(text) == (expected, [])


def test_what_does_not_resolve_is_null_alone_and_verbatim_in_text() -> None:
    """Design, section 6, and R6: with a warning that names the place."""
    assert _filled({"a/b": ["{{gone.x}}"]}) == ({"a/b": [None]}, [("unresolved", "{{gone.x}}", "/a~1b/0")])
    assert _filled("x {{ gone }}!") == ("x {{ gone }}!", [("unresolved", "{{ gone }}", "")])
    assert _filled("{{gone || lost}}!") == ("{{gone || lost}}!", [("unresolved", "{{gone || lost}}", "")])
    assert _filled("{{gone || null}}!") == ("null!", [])


def test_keep_unresolved_keeps_a_whole_value_verbatim() -> None:
    assert _filled("{{gone}}", keep_unresolved=True) == ("{{gone}}", [("unresolved", "{{gone}}", "")])
    assert _filled("{{llm.none}}", keep_unresolved=True) == (None, [])


def test_r6_a_known_node_that_did_not_run_reads_null_without_a_warning() -> None:
    assert _filled(["{{skipped.text}}", "a {{skipped.text}}"]) == ([None, "a null"], [])


def test_what_is_not_in_the_language_stays_verbatim() -> None:
    assert _filled("{{new Date()}}") == ("{{new Date()}}", [("unsupported", "{{new Date()}}", "")])
    assert _filled("Dear {{Your name here}},")[0] == "Dear {{Your name here}},"


def test_names_with_blanks_are_found() -> None:
    assert _filled("{{first name}}") == ("Ann", [])


def test_dollar_placeholders_only_if_asked() -> None:
    assert _filled("${n}") == ("${n}", [])
    assert _filled("${n}", dollar=True) == (5, [])
    assert _filled("${llm.text} {{n}} ${{n}}", dollar=True) == ("hi 5 $5", [])


def test_strict_raises_and_names_the_place() -> None:
    with pytest.raises(FlowrayError, match=r"cannot fill \{\{gone\}\} at /a: nothing provides 'gone'") as caught:
        fill({"a": "{{gone}}"}, NAMES, options=FillOptions(strict=True))
    assert caught.value.code is ErrorCode.EXPRESSION_ERROR


def test_text_places_get_text_even_from_a_whole_value() -> None:
    assert fill_text("{{llm.tags}}", NAMES) == '["a",1]'
    assert fill_text("{{gone}}", NAMES) == "{{gone}}"
    assert fill_text("plain", NAMES) == "plain"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"n": {{n}}, "t": "{{llm.text}}"}', {"n": 5, "t": "hi"}),
        ("{{llm.tags}}", ["a", 1]),
        ("[1, 2", "[1, 2"),
        ("{{n}}", 5),
        ("text", "text"),
    ],
)
def test_text_written_as_json_becomes_json(text: str, value: Any) -> None:
    assert fill_json(text, NAMES) == value


def test_a_filled_value_is_not_filled_again() -> None:
    """No second pass: what a model or a user writes is data, never a template."""
    names = Names(inputs={"x": "{{secret.KEY}}"}, secrets={"KEY": "hidden"})
    assert fill("say {{x}}", names) == "say {{secret.KEY}}"
    assert fill("{{x}}", names) == "{{secret.KEY}}"


def test_templates_are_parsed_once() -> None:
    assert parse_template("{{cached}}") is parse_template("{{cached}}")
    assert parse_template("no placeholder") is None
    assert parse_template("{{ only opened") is None
