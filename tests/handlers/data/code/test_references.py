"""``{{x}}`` in programs: operands, never text."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.expressions.names import Names
from flowray.handlers.data.code.references import bind_references
from flowray.handlers.programs import Language
from tests.fakes.services import node_input

NAMES = Names(inputs={"a": {"b": 1}, "s": "x'; evil(); '", "list": [1]}, outputs={"node-1": {"k": 2}})


def bound(code: str, language: Language = "javascript", dialect: str = "flowray") -> tuple[str, dict[str, Any]]:
    return bind_references(code, language, node_input({}, names=NAMES, dialect=dialect))


@pytest.mark.parametrize("language", ["javascript", "python"])
def test_outside_of_strings_a_reference_is_an_operand(language: Language) -> None:
    code, values = bound("return {{a.b}} + {{node-1.k}} + {{gone}}", language)
    assert code == "return __ref0 + __ref1 + __ref2"
    assert values == {"__ref0": 1, "__ref1": 2, "__ref2": None}


@pytest.mark.parametrize(
    ("code", "language"),
    [
        ("return 'a {{s}} b'", "javascript"), ('return "{{s}}"', "javascript"), ("return `{{s}}`", "javascript"),
        ("return f'{{s}}'", "python"), ('return """\n{{s}}"""', "python"),
        ("function f() {{ return 1 }}", "javascript"), ("return 1", "javascript"),
    ],
)  # fmt: skip
def test_inside_of_strings_braces_are_text(code: str, language: Language) -> None:
    """F-strings and other template languages need them; what is no reference stays everywhere."""
    assert bound(code, language) == (code, {})


@pytest.mark.parametrize(
    ("code", "language", "expected"),
    [
        ("return 'a {{s}} b'", "javascript", "return 'a ' + __ref0 + ' b'"),
        ('return "{{list}}"', "javascript", 'return "" + __ref0 + ""'),
        ("return `a {{s}}`", "javascript", "return `a ${__ref0}`"),
        ("return 'it\\'s {{s}}'", "javascript", "return 'it\\'s ' + __ref0 + ''"),
        ("x = /['\"]/; return {{s}}", "javascript", "x = /['\"]/; return __ref0"),
        ("// don't\nreturn {{s}}", "javascript", "// don't\nreturn __ref0"),
        ("return '{{s}}' # it's\n", "python", "return '' + __ref0 + '' # it's\n"),
        ('x = """it\'s {{s}}"""', "python", 'x = """it\'s """ + __ref0 + """"""'),
        ("echo {{s}} \"{{s}}\" '{{s}}'", "shell", 'echo "${__ref0}" "${__ref1}" \'\'"${__ref2}"\'\''),
    ],
)
def test_sim_leaves_the_string_and_comes_back(code: str, language: Language, expected: str) -> None:
    written, values = bound(code, language, "sim")
    assert written == expected
    assert all(value in ("x'; evil(); '", "[1]") for value in values.values())
