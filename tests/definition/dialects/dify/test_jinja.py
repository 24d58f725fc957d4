"""Jinja as templates and as programs."""

from __future__ import annotations

import pytest

from flowray.definition.dialects.dify.jinja import plain_template, program


def test_names_and_paths_are_a_template() -> None:
    assert plain_template("Hi {{ a }}, {{ b[0].c }}{# no #}!", {"a": "n1.x", "b": "n2"}) is None
    found = plain_template("Hi {{ a }}, {{ b[0].c }}{{ gone }}!", {"a": "n1.x", "b": "n2"})
    assert found == "Hi {{n1.x ?? ''}}, {{n2[0].c ?? ''}}!"


def test_filters_and_blocks_are_a_program() -> None:
    assert plain_template("{{ a | join(', ') }}", {"a": "x"}) is None
    code = program("{% for item in list -%} {{ loop.index }}. {{ item.name|upper }}\n{% endfor %}")
    assert code is not None
    assert "for (const [__i0, item] of __list(list).entries())" in code
    assert "__out += __text(String(item?.name).toUpperCase());" in code
    assert code.endswith("return __out;")


def test_conditions() -> None:
    code = program("{% if a == 'x' and not b %}1{% elif a.n > 2 %}2{% else %}3{% endif %}")
    assert code is not None
    assert "if (a == 'x' && ! b) {" in code
    assert "} else if (a?.n > 2) {" in code
    assert "} else {" in code


@pytest.mark.parametrize("text", ["{% macro f() %}", "{{ a | nofilter }}", "{{ f(a) }}{{ ~ }}"])
def test_what_cannot_be_said_is_none(text: str) -> None:
    assert program(text) is None
