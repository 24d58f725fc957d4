"""Dify's selectors and references."""

from __future__ import annotations

import pytest

from flowray.definition.dialects.dify.references import References, node_name

TYPES = {"1": "start", "2": "llm", "3": "http-request", "4": "tool", "5": "template-transform", "6": "iteration"}


@pytest.mark.parametrize(
    ("written", "template"),
    [
        ("{{#2.text#}}", "{{n2.text}}"),
        ("a {{#2.text#}} b", "a {{n2.text ?? ''}} b"),
        ("{{#3.body#}}", "{{n3.data}}"),
        ("{{#3.status_code#}}", "{{n3.status}}"),
        ("{{#4.text#}}", "{{n4.data.text}}"),
        ("{{#5.output#}}", "{{n5}}"),
        ("{{#6.output#}}", "{{n6}}"),
        ("{{#6.item#}}", "{{n6.item}}"),
        ("{{#sys.query#}}", "{{n1.query}}"),
        ("{{#env.KEY#}}", "{{env.KEY}}"),
        ("{{#conversation.stage#}}", "{{var.stage}}"),
        ("{{ arg }}", "{{ arg }}"),
    ],
)
def test_what_a_reference_becomes(written: str, template: str) -> None:
    assert References(TYPES, "1", lambda message: None).text(written) == template


def test_a_reference_to_nothing_is_reported() -> None:
    found: list[str] = []
    assert References(TYPES, "1", found.append).text("{{#9.x#}}") == "{{null}}"
    assert found == ["The reference '9.x' names no node; it reads null."]


def test_names_of_nodes_can_be_written_in_expressions() -> None:
    assert [node_name(name) for name in ("17", "llm", "a-b", "loop")] == ["n17", "llm", "a_b", "nloop"]
