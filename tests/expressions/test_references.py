"""What a config reads (R6, R7), and which expressions may run inline (R45)."""

from __future__ import annotations

import pytest

from flowray.expressions.references import ReadKind, Reads, Reference, is_bounded, read_roots
from tests.timing import cpu_seconds


def test_references_have_root_path_and_pointer() -> None:
    reads = read_roots({"prompt": "Say {{a.b[0].c}} to {{ var.name }}", "list": [{"x/y": "{{d-1.data}}"}], "n": 1})
    assert reads.references == (
        Reference("a", ("b", 0, "c"), "/prompt"),
        Reference("var", ("name",), "/prompt"),
        Reference("d-1", ("data",), "/list/0/x~1y"),
    )
    assert [reference.source for reference in reads.references] == ["", "var", ""]
    assert (set(reads.roots), reads.reads_all, reads.bounded) == ({"a", "var", "d-1"}, False, True)


@pytest.mark.parametrize(
    ("text", "roots"),
    [
        ("a ? b.c : d[e.f] || 'x'", {"a", "b", "d", "e"}),
        ("Object.keys(a.b).length > c", {"a", "c"}),
        ("l.map(x => x.v + y)", {"l", "y"}),
        ("l.reduce((s, d) => s + d.v, start)", {"l", "start"}),
        ("a.trim().x", {"a"}),
        ("'{{t.x}}' == u", {"t", "u"}),
        ("a | default: b", {"a", "b"}),
        ("total-count", {"total-count", "total", "count"}),
        ("$now - 5", set()),
        ("loop.index", {"loop"}),
        ("{{a}} > {{b}}", {"a", "b"}),
        ("a.constructor('x')()", {"a"}),
        ("true && null", set()),
    ],
)
def test_roots_of_expressions(text: str, roots: set[str]) -> None:
    reads = read_roots(text, ReadKind.EXPRESSION)
    assert (set(reads.roots), reads.reads_all) == (roots, False)


def test_paths_are_bare_or_templates() -> None:
    assert read_roots("data.items[0]", "path").references == (Reference("data", ("items", 0), ""),)
    assert read_roots("{{data.items}}", "path").references == (Reference("data", ("items",), ""),)
    assert read_roots("${data.items}", "path").references == (Reference("data", ("items",), ""),)
    assert read_roots("x/{{a}}/y z", "path").roots == {"a"}


def test_members_after_a_call_do_not_extend_the_path() -> None:
    assert read_roots("a['b'][k].c", "expression").references == (
        Reference("a", ("b",), ""),
        Reference("k", (), ""),
    )


def test_text_without_templates_reads_nothing() -> None:
    assert read_roots("a.b and inputs.x") == Reads()
    assert read_roots(5, ReadKind.PATH) == Reads()


def test_dollar_templates_count_only_if_asked() -> None:
    assert read_roots("${a} {{b}}").roots == {"b"}
    assert read_roots("${a} {{b}}", dollar=True).roots == {"a", "b"}


def test_repeated_references_of_one_string_are_one() -> None:
    assert len(read_roots("{{a}} {{a}} {{a.b}}").references) == 2


def test_placeholders_outside_the_language_are_uncertain_names() -> None:
    assert read_roots("{{first name}}").references == (Reference("first name", (), "", certain=False),)


def test_conditions_outside_the_language_are_read_as_scripts() -> None:
    reads = read_roots("new Date(order.date) > inputs.since", ReadKind.EXPRESSION)
    assert {"order", "since"} <= reads.roots
    assert not any(reference.certain for reference in reads.references)
    assert not reads.bounded


def test_foreign_languages_are_guesses_and_not_bounded() -> None:
    reads = read_roots("$sum(items.price) + {{a.b}}", ReadKind.JSONATA)
    assert {"items", "a"} <= reads.roots
    assert not reads.bounded
    assert read_roots("x => inputs.y * x", ReadKind.SCRIPT).roots >= {"inputs", "y"}


@pytest.mark.parametrize(
    ("text", "bounded"),
    [
        ("a.b || c.trim()", True),
        ("a > 1 ? 'x' : Object.keys(o).length", True),
        ("l.map(x => x.y)", False),
        ("l.sort()", True),
        ("not in the language", False),
    ],
)
def test_r45_what_may_run_inline(text: str, bounded: bool) -> None:
    assert is_bounded(text) is bounded
    assert read_roots(text, "expression").bounded is bounded


def test_a_long_template_takes_time_in_proportion_to_its_length() -> None:
    def seconds(placeholders: int) -> float:
        text = "{{inputs.a}}" * placeholders
        took, found = cpu_seconds(lambda: read_roots(text), rounds=3)
        assert len(found.references) == 1
        return took

    # Eight times the length: eight times the time, or 64 times if each placeholder costs what all before it do.
    assert seconds(32_000) < 32 * max(seconds(4_000), 0.005)
