"""What an instance may read, from where, and that pruning never drops what is read later (R6, R7)."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.engine.commands import PruneOutputs
from flowray.engine.context import context_for
from flowray.engine.signals import Signals
from flowray.values import StoredValue
from tests.engine.harness import Run, asks, err, goes_on, items, ok, route, run
from tests.engine.plans import PlanMaker


def outputs_seen(played: Run, instance: str) -> dict[str, Any]:
    return played.slices[instance].outputs


def test_r6_a_reader_sees_the_outputs_it_names_and_no_others() -> None:
    maker = PlanMaker().node("a").node("b").node("r", reads=["a"]).edge("a -> r", "b -> r")
    played = run(maker.build(), {"a": ok(1)}, city="Rome")
    seen = played.slices["r"]
    assert (seen.outputs, seen.inputs) == ({"a": 1}, {"city": "Rome"})


def test_r6_a_name_resolves_to_the_first_provider_that_has_a_value() -> None:
    maker = PlanMaker().branch("c").node("a").node("b").edge("c x-> a", "c y-> b")
    maker.node("r", providers={"text": ("b", "a")}).edge("a -> r", "b -> r")
    seen = run(maker.build(), {"c": route("x"), "a": ok("A")}).slices["r"]
    assert (seen.outputs, seen.aliases) == ({"a": "A"}, {"text": "a"})


def test_r6_plan_order_decides_not_completion_time() -> None:
    maker = PlanMaker().node("a").node("b").node("r", providers={"text": ("b", "a")}).edge("a -> r", "b -> r")
    for first, second in ("ab", "ba"):
        played = Run(maker.build()).start()
        played.finish(first)
        played.finish(second)
        assert played.slices["r"].aliases == {"text": "b"}


def test_r6_a_known_node_that_did_not_run_gives_no_value() -> None:
    maker = PlanMaker().branch("c").node("a").node("r", reads=["a"]).edge("c x-> a", "c -> r")
    maker.edge("a -> r", kind="ordering")
    seen = run(maker.build(), {"c": route("y")}).slices["r"]
    assert (seen.outputs, seen.pruned) == ({}, ())


def test_reads_all_sees_everything_it_may_read() -> None:
    maker = PlanMaker().node("a", output_variable="alpha").node("b").node("r", reads=["a", "b"], reads_all=True)
    seen = run(maker.edge("a -> r", "b -> r").build(), {"a": ok(1), "b": ok(2)}).slices["r"]
    assert seen.outputs == {"a": 1, "b": 2}
    assert seen.aliases["alpha"] == "a"


# -- loops and parallels -------------------------------------------------------------------------------------------


def test_loop_values() -> None:
    maker = PlanMaker().loop("L", item_variable="city", index_variable="i")
    maker.node("x", scope="L", config={"value": "{{loop.results}}"})
    played = run(maker.build(), {"L": items("a", "b"), "x": lambda call, seen: ok(seen.loop["item"].upper())})
    assert played.slices["L[1]/x"].loop == {
        "index": 1, "iteration": 2, "item": "b", "currentItem": "b", "branchId": "L[1]", "total": 2,
        "isFirst": False, "isLast": True, "results": ["A"],
    }  # fmt: skip
    assert played.slices["L[1]/x"].containers["L"]["index"] == 1
    assert played.slices["L[1]/x"].parallel is None


def test_parallel_values() -> None:
    played = run(PlanMaker().parallel("P").node("x", scope="P").build(), {"P": items(7, 8)})
    values = played.slices["P[1]/x"].parallel
    assert values is not None
    assert (values["index"], values["item"], values["total"]) == (1, 8, 2)
    assert "results" not in values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{loop.results[0]}}", True),
        ("{{ loop }}", True),
        ("{{L.results}}", True),
        ("{{loop.item}}", False),
        ("x", False),
    ],
)
def test_results_travel_only_to_who_may_name_them(text: str, expected: bool) -> None:
    played = run(PlanMaker().loop("L").node("x", scope="L", config={"a": [text]}).build(), {"L": items(1, 2)})
    seen = played.slices["L[1]/x"]
    assert seen.loop is not None
    assert ("results" in seen.loop, "results" in seen.containers["L"]) == (expected, expected)


def test_who_reads_everything_gets_the_results() -> None:
    played = run(PlanMaker().loop("L").node("x", scope="L", reads_all=True).build(), {"L": items(1, 2)})
    assert (played.slices["L[1]/x"].loop or {})["results"] == [{"from": "x"}]


def test_names_that_the_author_gave_to_item_and_index_innermost_winning() -> None:
    maker = PlanMaker().loop("L", item_variable="row", index_variable="i")
    maker.parallel("P", scope="L", item_variable="row").node("x", scope="P")
    played = run(maker.build(), {"L": items("a", "b"), "P": items(1, 2)})
    assert played.slices["L[1]/P[0]/x"].bound == {"row": 1, "i": 1}
    assert played.slices["L[1]/P"].bound == {"row": "b", "i": 1}


def test_nested_values_show_the_nearest_and_all_by_id() -> None:
    maker = PlanMaker().loop("L").loop("M", scope="L").node("x", scope="M")
    seen = run(maker.build(), {"L": items("a", "b"), "M": items(1, 2)}).slices["L[1]/M[0]/x"]
    assert seen.loop is not None
    assert seen.loop["item"] == 1
    assert {name: values["item"] for name, values in seen.containers.items()} == {"M": 1, "L": "b"}


def test_condition_sees_the_round_it_decides_on() -> None:
    maker = PlanMaker().loop("L", "while", config={"condition": "loop.results.length < 2"}).node("x", scope="L")
    played = run(maker.build(), {"L": goes_on(True, True), "x": ok(5)})
    loop = played.slices["L"].loop
    assert loop is not None
    assert (loop["index"], loop["results"]) == (2, [5, 5])


def test_r6_own_scope_comes_before_the_previous_iteration() -> None:
    maker = PlanMaker().loop("L").node("x", scope="L").node("y", scope="L", reads=["x"]).edge("x -> y")
    played = run(maker.build(), {"L": items(1, 2), "x": lambda call, seen: ok(seen.loop["item"])})
    assert [outputs_seen(played, f"L[{i}]/y") for i in (0, 1)] == [{"x": 1}, {"x": 2}]


def test_r6_a_body_node_reads_its_own_value_of_the_previous_iteration() -> None:
    maker = PlanMaker().loop("L").node("x", scope="L", reads=["x"])
    played = run(maker.build(), {"L": items(1, 2, 3), "x": lambda call, seen: ok(seen.outputs.get("x", 0) + 1)})
    assert played.output_of("L") == [1, 2, 3]


def test_r6_the_branches_of_a_parallel_do_not_see_each_other() -> None:
    maker = PlanMaker().parallel("P", max_concurrency=1).node("x", scope="P", reads=["x"])
    played = run(maker.build(), {"P": items(1, 2)})
    assert outputs_seen(played, "P[1]/x") == {}


def test_r6_concurrent_rounds_of_a_loop_do_not_see_each_other() -> None:
    maker = PlanMaker().loop("L", max_concurrency=2).node("x", scope="L", reads=["x"])
    played = run(maker.build(), {"L": items(1, 2, 3)})
    assert outputs_seen(played, "L[2]/x") == {}


def test_r6_a_body_reads_enclosing_scopes() -> None:
    maker = PlanMaker().node("a").loop("L").loop("M", scope="L").node("b", scope="L").edge("a -> L", "b -> M")
    maker.node("x", scope="M", reads=["a", "b"])
    script = {"a": ok("A"), "L": items(1, 2), "M": items(1), "b": lambda call, seen: ok(call.instance)}
    assert outputs_seen(run(maker.build(), script), "L[1]/M[0]/x") == {"a": "A", "b": "L[1]/b"}


def test_r6_from_outside_a_loop_reads_its_highest_index_after_it_has_ended() -> None:
    maker = PlanMaker().loop("L").node("x", scope="L").node("r", reads=["x"]).edge("L -> r")
    played = run(maker.build(), {"L": items("a", "b"), "x": lambda call, seen: ok(seen.loop["item"])})
    assert outputs_seen(played, "r") == {"x": "b"}


@pytest.mark.parametrize("order", [0, -1])
def test_r6_from_outside_a_parallel_reads_branch_0(order: int) -> None:
    maker = PlanMaker().parallel("P").node("x", scope="P").node("r", reads=["x"]).edge("P -> r")
    script = {"P": items("a", "b"), "x": lambda call, seen: ok(seen.parallel["item"])}
    played = Run(maker.build(), script, pick=lambda pending: order % len(pending)).start().play()
    assert outputs_seen(played, "r") == {"x": "a"}


def test_r6_from_far_outside_nested_containers() -> None:
    maker = PlanMaker().loop("L").loop("M", scope="L").node("x", scope="M").node("s", scope="L", reads=["x"])
    maker.edge("M -> s").node("r", reads=["x"]).edge("L -> r")
    script = {"L": items(1, 2), "M": items("a", "b"), "x": lambda call, seen: ok(call.instance)}
    played = run(maker.build(), script)
    assert outputs_seen(played, "L[0]/s") == {"x": "L[0]/M[1]/x"}
    assert outputs_seen(played, "r") == {"x": "L[1]/M[1]/x"}


def test_r6_a_condition_reads_the_body_of_the_round_before() -> None:
    maker = PlanMaker().loop("L", "while", reads=["x"]).node("x", scope="L")
    played = run(maker.build(), {"L": goes_on(True, True), "x": lambda call, seen: ok(seen.loop["index"])})
    assert outputs_seen(played, "L") == {"x": 1}


def test_r6_a_parallel_branch_does_not_see_a_nested_loop_of_branch_0() -> None:
    maker = PlanMaker().parallel("P", max_concurrency=1).node("r", scope="P", reads=["x"]).loop("L", scope="P")
    maker.node("x", scope="L").edge("r -> L")
    assert outputs_seen(run(maker.build(), {"P": items(1, 2), "L": items(1)}), "P[1]/r") == {}


def test_ids_that_need_encoding() -> None:
    maker = PlanMaker().loop("my loop/1").node("x[0]", scope="my loop/1").node("r", reads=["x[0]"])
    maker.edges[""].clear()
    maker.start("my loop/1")
    played = Run(maker.build(), {"my%20loop%2F1": items(1)}).start()
    assert [call.instance for call in played.pending] == ["my loop%2F1"]
    played.script = {"my loop%2F1": items(1)}
    played.play()
    assert "my loop%2F1[0]/x%5B0%5D" in played.started()


# -- pruning -------------------------------------------------------------------------------------------------------


def test_r7_an_output_is_dropped_once_its_last_reader_has_ended() -> None:
    maker = PlanMaker().node("a").node("r1", reads=["a"]).node("r2", reads=["a"]).node("end")
    played = Run(maker.edge("a -> r1", "a -> r2", "r1 -> end", "r2 -> end").build()).start()
    played.finish("a")
    played.finish("r1")
    assert played.root()["a"].has_output
    played.finish("r2")
    assert (played.root()["a"].has_output, played.root()["a"].pruned) == (False, True)


def test_r7_an_output_that_nobody_reads_is_dropped_at_once() -> None:
    played = Run(PlanMaker().chain("a", "b").build()).start()
    played.finish("a")
    assert played.root()["a"].pruned


def test_r7_a_retrying_reader_still_reads() -> None:
    maker = PlanMaker().node("a").node("r", reads=["a"]).edge("a -> r")
    played = Run(maker.build(), {"a": ok("A")}).start()
    played.finish("a")
    played.crash_and_recover()
    assert outputs_seen(played, "r") == {"a": "A"}


def test_r7_a_reader_inside_a_loop_keeps_the_output_until_the_loop_has_ended() -> None:
    maker = (
        PlanMaker().node("a").loop("L").node("x", scope="L", reads=["a"]).edge("a -> L").node("end").edge("L -> end")
    )
    played = Run(maker.build(), {"a": ok("A"), "L": items(1, 2, 3)}).start()
    while not any(call.instance == "end" for call in played.pending):
        assert played.state.scopes[""].nodes["a"].pruned is False
        played.move()
    assert outputs_seen(played, "L[2]/x") == {"a": "A"}
    assert played.root()["a"].pruned


def test_r7_a_skipped_reader_releases_what_it_would_have_read() -> None:
    maker = PlanMaker().branch("c").node("r", reads=["c"]).node("x").edge("c no-> r", "c yes-> x")
    played = Run(maker.build(), {"c": route("yes")}).start()
    played.finish("c")
    assert played.root()["c"].pruned


def test_r8_outputs_of_terminals_and_output_nodes_are_never_dropped() -> None:
    maker = PlanMaker().output("o").node("after").edge("o -> after")
    played = run(maker.build(), {"o": ok({"v": 1})})
    assert played.outputs == {"v": 1}


@pytest.mark.parametrize("settings", [{"policy": "keepAll"}, {"retain": ("a",)}])
def test_settings_may_keep_outputs(settings: dict[str, Any]) -> None:
    played = run(PlanMaker(**settings).chain("a", "b").build(), {"a": ok(1)})
    assert played.root()["a"].output == 1


def test_r36_caches_are_told_to_drop_stored_values() -> None:
    played = run(PlanMaker().chain("a", "b", "c").build(), {"a": ok(StoredValue("p1", 99_999)), "b": ok("small")})
    assert [command for command in played.commands if isinstance(command, PruneOutputs)] == [PruneOutputs(("p1",))]


def test_r7_what_was_pruned_is_named_so_that_the_lane_can_read_the_log() -> None:
    maker = PlanMaker().chain("a", "b")
    played = Run(maker.build()).start()
    played.finish("a")
    node = played.plan.nodes["b"]
    index = played.index
    index.nodes["b"].node = type(node)(id="b", type="test", providers={"a": ("a",)})
    assert context_for(index, played.state, "b").pruned == ("a",)


def test_r7_resident_outputs_stay_bounded_on_a_long_chain() -> None:
    maker = PlanMaker()
    for number in range(2_000):
        maker.node(f"n{number}", reads=[f"n{number - 1}"] if number else [])
        if number:
            maker.edge(f"n{number - 1} -> n{number}")
    most = 0

    def reply(call: Any, seen: Any) -> Any:
        nonlocal most
        number = int(call.node_id[1:])
        if number % 100 == 0:
            most = max(most, sum(node.has_output for node in played.root().values()))
        return ok((seen.outputs[f"n{number - 1}"] + 1) if number else 0)

    played = Run(maker.build(), {f"n{number}": reply for number in range(2_000)}, check=False)
    assert played.start().play().outputs == {"n1999": 1_999}
    assert most == 1


def test_r7_exports_of_a_failed_container_are_readable_on_its_error_path() -> None:
    maker = PlanMaker().loop("L").node("x", scope="L").node("h", reads=["x"]).edge("L error-> h")
    played = run(maker.build(), {"L": items(1, 2), "L[0]/x": ok("first"), "L[1]/x": err("X", "late")})
    assert outputs_seen(played, "h")["x"]["message"] == "late"


def test_a_paused_reader_keeps_what_it_reads() -> None:
    maker = PlanMaker().node("a").node("p", reads=["a"]).edge("a -> p")
    played = run(maker.build(), {"p": asks()})
    assert played.root()["a"].has_output


def test_terminal_signal_keeps_its_output() -> None:
    played = run(PlanMaker().chain("a", "b").build(), {"a": ok(3, signals=Signals(is_terminal=True))})
    assert played.outputs == {"a": 3}


def test_the_whole_collection_is_given_only_to_nodes_that_may_name_it() -> None:
    maker = PlanMaker().loop("L", "forEach")
    plan = maker.node("x", scope="L", config={"v": "{{loop.items.length}}"}).node("y", scope="L").build()
    played = Run(plan, {"L": items("a", "b")}).start()
    played.finish("L")
    assert (played.slices["L[0]/x"].loop or {})["items"] == ["a", "b"]
    assert "items" not in (played.slices["L[0]/y"].loop or {})
