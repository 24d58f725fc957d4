"""References of SIM as templates (R6)."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.definition.loading import LoadResult
from tests.definition.dialects.sim_documents import block, config_of, found, load

BLOCKS: dict[str, dict[str, Any]] = {
    "s": block("start_trigger", "Start"),
    "id-1": block("function", "My Func"),
    "c": block("condition", "Check", conditions='[{"id":"c-if","title":"if","value":"true"}]'),
    "O": block("loop", "Outer", data={"loopType": "forEach", "collection": "<start.lists>"}),
    "I": block("loop", "Inner", "O", data={"loopType": "forEach", "collection": "<loop.currentItem>"}),
    "P": block("parallel", "Par", "I", data={"parallelType": "collection", "distribution": "<outer.items>"}),
}
EDGES = ("s -> id-1", "id-1 -> c", "c condition-c-if-> O", "id-1 error-> x", "O loop-start-source-> I",
         "I loop-start-source-> P", "P parallel-start-source-> in")  # fmt: skip
VARIABLES = {"v1": {"id": "v1", "name": "My Num", "type": "number", "value": "5"}}


def loaded(text: Any, field: str = "text", parent: str | None = None) -> LoadResult:
    """A block ``x`` outside, or inside ``parent``, that holds ``text``; ``in`` lies innermost."""
    blocks = {**BLOCKS, "x": block("slack", "X"), "in": block("slack", "In", "P")}
    blocks["in" if parent else "x"] = block("slack", "Reader", parent, **{field: text})
    return load(blocks, *EDGES, variables=VARIABLES)


def rewritten(text: Any, field: str = "text", parent: str | None = None) -> Any:
    return config_of(loaded(text, field, parent), "in" if parent else "x")[field]


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("<my func.result>", "{{id-1.result}}"),
        ("<MyFunc.items[0].a.1>", "{{id-1.items[0].a[1]}}"),
        ("<myfunc>", "{{id-1}}"),
        ("Got <myfunc.result>!", "Got {{id-1.result ?? ''}}!"),
        ("<myfunc.error>", "{{id-1.message}}"),
        ("<check.result>", "{{id-1.result}}"),
        ("<check.selectedOption>", "{{c.branch}}"),
        ("<variable.mynum>", "{{var['My Num']}}"),
        ("{{API_KEY}}", "{{env.API_KEY}}"),
        ("https://{{HOST}}/x", "https://{{env.HOST}}/x"),
        ("<outer.results[0]>", "{{O.results[0]}}"),
        ("a < b && c > d", "a < b && c > d"),
        ("<div>", "<div>"),
        ("<variable.nope>", "<variable.nope>"),
        ("<loop.index>", "<loop.index>"),
    ],
)
def test_outside_of_loops(text: str, template: str) -> None:
    assert rewritten(text) == template


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("<parallel.currentItem.id>", "{{parallel.item.id}}"),
        ("<loop.iteration>", "{{loop.index}}"),
        ("<outer.index>", "{{O.index}}"),
        ("<inner.items>", "{{I.items}}"),
        ("<par.results>", "{{P.results}}"),
    ],
)
def test_inside_of_loops_a_container_means_its_present_round(text: str, template: str) -> None:
    assert rewritten(text, parent="P") == template


def test_a_collection_is_read_before_the_first_round_of_its_own_container() -> None:
    result = loaded("x")
    assert config_of(result, "O")["collection"] == "{{s.lists ?? []}}"
    assert config_of(result, "I")["collection"] == "{{O.item ?? []}}"
    assert config_of(result, "P")["collection"] == "{{O.items ?? []}}"


def test_in_code_a_reference_is_a_value_and_never_a_piece_of_text() -> None:
    assert rewritten("return <myfunc.result> < 3 && 'x'", "code") == "return {{id-1.result}} < 3 && 'x'"


def test_texts_are_rewritten_at_every_depth() -> None:
    assert rewritten([{"a": "<myfunc.x>", "b": 1}]) == [{"a": "{{id-1.x}}", "b": 1}]


def test_what_names_no_block_stays_and_is_reported() -> None:
    result = loaded("<nope.x> and <nope.x>")
    assert config_of(result, "x")["text"] == "<nope.x> and <nope.x>"
    assert found(result).count(("DIALECT_UNSUPPORTED", "/state/blocks/x/subBlocks/text/value")) == 1


def test_what_sim_refuses_at_run_time_is_reported() -> None:
    result = loaded("<outer.index>")
    assert config_of(result, "x")["text"] == "{{O.index}}"
    assert ("DIALECT_UNSUPPORTED", "/state/blocks/x/subBlocks/text/value") in found(result)


def test_an_undeclared_input_is_reported() -> None:
    declared = block("start_trigger", "Start", inputFormat=[{"name": "Email", "type": "string"}])
    result = load({"s": declared, "x": block("slack", "X", text="<start.emails>")}, "s -> x")
    messages = [finding.message for finding in result.diagnostics]
    assert "'Start' declares no input 'emails' (declared: Email); it may be null." in messages


def test_of_blocks_with_one_name_the_first_counts() -> None:
    blocks = {"a": block("slack", "Same"), "b": block("slack", "same"), "x": block("slack", "X", text="<same.y>")}
    result = load(blocks)
    assert config_of(result, "x")["text"] == "{{a.y}}"
    assert ("DIALECT_UNSUPPORTED", "/state/blocks/b/name") in found(result)


def test_in_json_text_only_a_reference_without_quotes_keeps_its_type() -> None:
    text = '{"quoted": "<myfunc.n>", "bare": <myfunc.n>, "inside": "n=<myfunc.n>", "env": "{{HOST}}"}'
    response = block("response", "X")
    response["subBlocks"]["data"] = {"value": text}
    result = load({**BLOCKS, "x": response}, *EDGES[:2])
    assert config_of(result, "x")["data"] == {
        "quoted": "{{id-1.n ?? '' | string}}",
        "bare": "{{id-1.n}}",
        "inside": "n={{id-1.n ?? ''}}",
        "env": "{{env.HOST}}",
    }


def test_conditions_one_after_another_hand_on_what_came_first() -> None:
    blocks = {"a": block("slack", "A"), "c": block("condition", "C"), "d": block("condition", "D")}
    result = load({**blocks, "x": block("slack", "X", text="<d.result>")}, "a -> c", "c -> d", "d -> x")
    assert config_of(result, "x")["text"] == "{{a.result}}"


@pytest.mark.parametrize("edges", [("a -> c", "b -> c"), ("c -> c",), ()])
def test_what_a_condition_hands_on_may_be_unknown(edges: tuple[str, ...]) -> None:
    blocks = {"a": block("slack", "A"), "b": block("slack", "B"), "c": block("condition", "C")}
    result = load({**blocks, "x": block("slack", "X", text="<c.result>")}, *edges)
    assert config_of(result, "x")["text"] == "{{c.result}}"
    assert ("DIALECT_UNSUPPORTED", "/state/blocks/x/subBlocks/text/value") in found(result)
