"""What a name stands for: the order of the design, prefixes, nodes that did not run."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.expressions.names import MISSING, Names
from flowray.expressions.resolution import is_known, look_up, resolve, step_into

SOURCES = ["bound", "containers", "shared", "variables", "outputs", "aliases", "inputs", "env"]


def test_plain_names_follow_the_order_of_the_design() -> None:
    """Design, section 6: loop, parallel, shared memory, variables, node outputs (id, then alias), inputs, env."""
    for index in range(len(SOURCES)):
        names = Names(**{source: {"x": source} for source in SOURCES[index:]})  # type: ignore[arg-type]
        assert look_up(names, "x") == SOURCES[index]


def test_a_null_value_is_a_value() -> None:
    assert look_up(Names(variables={"x": None}, inputs={"x": 1}), "x") is None


@pytest.mark.parametrize(
    ("reference", "value"),
    [
        (("loop", ("index",)), 2),
        (("loop", ("iteration",)), 3),
        (("loop", ("currentItem", "n")), 7),
        (("parallel", ("item",)), "p"),
        (("parallel", ("branchId",)), "b1"),
        (("shared", ("k",)), "s"),
        (("var", ("k",)), "v"),
        (("inputs", ("k",)), "i"),
        (("env", ("k",)), "e"),
        (("secret", ("k",)), "hidden"),
        (("k", ()), "s"),
        (("inputs", ()), {"k": "i"}),
        (("item", ("n",)), 7),
        (("index", ()), 2),
    ],
)
def test_prefixes_name_their_source(reference: tuple[str, tuple[str, ...]], value: Any) -> None:
    names = Names(
        loop={"index": 2, "item": {"n": 7}},
        parallel={"index": 0, "currentItem": "p", "branchId": "b1"},
        shared={"k": "s"},
        variables={"k": "v"},
        inputs={"k": "i"},
        env={"k": "e"},
        secrets={"k": "hidden"},
    )
    assert resolve(names, *reference) == value


def test_a_node_named_like_a_prefix_stays_reachable() -> None:
    names = Names(outputs={"inputs": {"text": "out"}, "loop": {"results": [1]}}, inputs={"topic": "in"})
    assert resolve(names, "inputs", ("topic",)) == "in"
    assert resolve(names, "inputs", ("text",)) == "out"
    assert resolve(names, "loop", ("results",)) == [1]


def test_secrets_and_env_are_never_read_whole_and_secrets_have_no_plain_names() -> None:
    names = Names(env={"HOME": "/"}, secrets={"KEY": "hidden"})
    assert resolve(names, "secret", ()) is MISSING
    assert resolve(names, "env", ()) is MISSING
    assert resolve(names, "KEY", ()) is MISSING


def test_loops_do_not_leak() -> None:
    assert resolve(Names(), "loop", ("index",)) is MISSING
    assert resolve(Names(inputs={"item": 1}, loop={"item": 2}), "item", ()) == 1
    assert resolve(Names(inputs={"item": 1}, bound={"item": 2}), "item", ()) == 2


def test_enclosing_containers_are_read_by_node_id() -> None:
    names = Names(containers={"outer": {"index": 4}}, outputs={"outer": {"results": []}})
    assert resolve(names, "outer", ("index",)) == 4


def test_r6_a_known_node_that_did_not_run_reads_null() -> None:
    names = Names(known=frozenset({"skipped", "topic"}), inputs={"topic": "t"})
    assert resolve(names, "skipped", ("data", 0, "x")) is None
    assert resolve(names, "unknown", ()) is MISSING
    assert resolve(names, "topic", ()) == "t"
    assert (is_known(names, "skipped"), is_known(names, "unknown")) == (True, False)


def test_flattened_keys_never_override_and_the_latest_in_plan_order_wins() -> None:
    outputs = {"a": {"text": 1, "topic": 1}, "b": {"text": 2}, "c": "no object"}
    names = Names(outputs=outputs, inputs={"topic": "input"}, flatten=True)
    assert look_up(names, "text") == 2
    assert look_up(names, "topic") == "input"
    assert look_up(Names(outputs=outputs), "text") is MISSING


@pytest.mark.parametrize(
    ("value", "key", "result"),
    [
        ({"a": 1}, "a", 1),
        ({"0": 1}, 0, 1),
        ({"length": 9}, "length", 9),
        ([1, 2], 1, 2),
        ([1, 2], "1", 2),
        ([1, 2], 2, MISSING),
        ([1, 2], -1, MISSING),
        ([1, 2], "length", 2),
        ("abc", 0, "a"),
        ("abc", "length", 3),
        ("abc", "upper", MISSING),
        (5, "real", MISSING),
        (None, "a", MISSING),
        ({}, "__class__", MISSING),
        ([], "__len__", MISSING),
        ({}, "constructor", MISSING),
        ([1], "²", MISSING),
    ],
)
def test_steps_read_json_only(value: Any, key: str | int, result: Any) -> None:
    assert step_into(value, key) == result
