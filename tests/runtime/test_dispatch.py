"""NodeTask: identity, names and values for one attempt (R6, R31, R36)."""

from __future__ import annotations

from typing import Any

from flowray.definition.node_type import Role
from flowray.definition.policies import Lane
from flowray.engine import stimuli as st
from flowray.engine.signals import Answer, Pause, Signals, Step
from flowray.handlers.node_task import NodeTask
from flowray.handlers.task_names import load_names
from flowray.plan import DialectSemantics, ExecutionPlan, PlanResources
from flowray.runtime.dispatch import DEADLINE_GRACE_MS, idempotency_key, stream_name
from tests.engine.plans import PlanMaker
from tests.fakes.services import fake_services
from tests.runtime.harness import SILENT, START_MS, Desk, live_of, succeeded
from tests.runtime.workflows import compiled


def dispatched(plan: ExecutionPlan, script: dict[str, Any], instance: str, **inputs: Any) -> NodeTask:
    """The task of the last dispatch of an instance."""
    desk = Desk(script)
    desk.start(plan, **inputs)
    return desk.task(instance)


def test_r31_the_key_names_execution_instance_and_try() -> None:
    assert idempotency_key("e1", "L[0]/a", 2) == "e1:L[0]/a:2"


def test_stream_names_carry_the_scope_path() -> None:
    assert stream_name("ask") == "llm-ask"
    assert stream_name("L[2]/ask") == "llm-L[2]/ask"
    assert stream_name("a%2Fb") == "llm-a/b"


def test_a_task_says_who_runs_what_for_whom() -> None:
    maker = PlanMaker().node(
        "a", type="llm", name="Ask", config={"prompt": "{{x}}"}, streams=True, timeout_ms=500, lane=Lane.TASK,
        resources=PlanResources(num_cpus=2),
    )  # fmt: skip
    maker.dialect = DialectSemantics(name="sim", flatten_outputs=True, keep_unresolved=True)
    task = dispatched(maker.build(), {"a": SILENT}, "a", x=1)
    assert (task.execution_id, task.instance, task.node_id, task.node_type, task.node_name) == (
        "e1", "a", "a", "llm", "Ask",
    )  # fmt: skip
    assert (task.attempt, task.tries, task.epoch, task.idempotency_key) == (1, 1, 1, "e1:a:1")
    assert (task.config, task.inputs, task.timeout_ms, task.lane) == ({"prompt": "{{x}}"}, {"x": 1}, 500, "task")
    assert (task.streams, task.stream_id, task.resources) == (True, "llm-a", PlanResources(num_cpus=2))
    assert (task.dialect, task.flatten, task.keep_unresolved) == ("sim", True, True)


def test_a_node_that_does_not_stream_has_no_stream() -> None:
    assert dispatched(PlanMaker().node("a").build(), {"a": SILENT}, "a").stream_id == ""


def test_elapsed_counts_from_the_start_of_the_execution() -> None:
    desk = Desk({"a": SILENT, "b": SILENT})
    desk.start(PlanMaker().chain("a", "b").build())
    assert desk.task("a").elapsed_ms == 0
    late = succeeded(desk.task("a"))
    desk.driver.post("e1", st.AttemptSucceeded(ts=START_MS + 1_234, instance=late.instance, attempt=1))
    desk.settle()
    assert desk.task("b").elapsed_ms == 1_234


def test_a_task_does_not_see_variables_change_under_it() -> None:
    desk = Desk({"a": SILENT})
    maker = PlanMaker().node("a")
    maker.variables = {"x": 1}
    live = desk.start(maker.build())
    live.state.variables["x"] = 2
    assert desk.task("a").variables == {"x": 1}


# -- names ---------------------------------------------------------------------------------------------------------


def test_aliases_of_input_and_output_nodes_mean_the_value_under_their_name() -> None:
    maker = PlanMaker().node("in", role=Role.SOURCE, config={"inputName": "topic", "outputVariable": "subject"})
    maker.node("old", role=Role.SOURCE, config={"inputVariable": "task"}).node("all", role=Role.SOURCE)
    maker.output("out", config={"outputName": "answer"}).node("plain", output_variable="text")
    maker.node(
        "r",
        providers={
            "topic": ("in",), "subject": ("in",), "task": ("old",), "everything": ("all",), "answer": ("out",),
            "text": ("plain",), "in": ("in",),
        },
    )  # fmt: skip
    for node in ("in", "old", "all", "out", "plain"):
        maker.edge(f"{node} -> r")
    task = dispatched(maker.build(), {"r": SILENT}, "r")
    assert task.alias_keys == {"topic": "topic", "subject": "topic", "task": "task", "answer": "answer"}
    assert task.aliases["everything"] == "all"
    assert "in" not in task.aliases


async def test_a_compiled_input_node_is_read_by_input_name_and_output_variable() -> None:
    """R6, R57: ``{{subject}}`` is the value, not ``{topic: value}``."""
    named = {"inputName": "topic", "inputType": "number", "outputVariable": "subject"}
    reading = {"operation": "template", "template": "{{topic}} {{subject}} {{in.topic}}"}
    plan = compiled(
        {"in": {"type": "input", "config": named}, "t": {"type": "transform", "config": reading}}, "in -> t"
    )
    task = dispatched(plan, {"in": {"topic": 5}, "t": SILENT}, "t", topic="5")
    names = await load_names(task, fake_services(), 0)
    assert names.aliases == {"topic": 5, "subject": 5}


async def test_items_and_indexes_are_bound_under_their_authors_names_innermost_first() -> None:
    maker = PlanMaker().loop("L", item_variable="city", index_variable="i")
    maker.parallel("P", scope="L", item_variable="street", index_variable="i").node("x", scope="P")
    script = {
        "L": lambda task: succeeded(task, {"items": ["Rome", "Oslo"]}),
        "P": lambda task: succeeded(task, {"items": ["A", "B", "C"]}),
        "x": 1,
    }
    task = dispatched(maker.build(), script, "L[1]/P[2]/x")
    assert task.bound == {"city": "Oslo", "street": "C", "i": 2}
    assert (await load_names(task, fake_services(), 0)).bound == task.bound
    assert set(task.containers) == {"L", "P"}


def test_a_loop_that_asks_for_its_collection_has_no_item_yet() -> None:
    """The item's name may be that of the very thing the collection is read from."""
    maker = PlanMaker().loop("L", item_variable="city", index_variable="i").node("x", scope="L")
    task = dispatched(maker.build(), {"L": SILENT}, "L")
    assert task.sentinel == "open"
    assert "city" not in task.bound


def test_r6_names_of_nodes_that_did_not_run_are_known() -> None:
    maker = PlanMaker().branch("s").node("yes").node("no").edge("s true-> yes", "s false-> no")
    maker.node("r", reads=["yes", "no"]).edge("yes -> r", "no -> r")
    script = {"s": lambda task: succeeded(task, signals=st.Signals(selected_routes=("true",))), "yes": 1, "r": SILENT}
    task = dispatched(maker.build(), script, "r")
    assert task.outputs == {"yes": 1}
    assert task.known == ("no",)


def test_a_node_type_may_say_which_key_its_aliases_mean() -> None:
    maker = (
        PlanMaker().node("llm", value_key="text", output_variable="answer").node("r", providers={"answer": ("llm",)})
    )
    task = dispatched(maker.edge("llm -> r").build(), {"llm": {"text": "hi"}, "r": SILENT}, "r")
    assert (task.aliases, task.alias_keys) == ({"answer": "llm"}, {"answer": "text"})


def test_r6_a_reference_that_only_runs_later_or_never_is_known() -> None:
    reading = {"operation": "template", "template": "{{later}} {{never}} {{nonsense}}"}
    plain = {"type": "transform", "config": {"operation": "template", "template": "x"}}
    nodes = {"t": {"type": "transform", "config": reading}, "later": plain, "never": plain}
    task = dispatched(compiled(nodes, "t -> later"), {"t": SILENT}, "t")
    assert set(task.known) == {"later", "never"}


def test_r14_the_lane_stops_only_what_the_engine_has_not_stopped_at_the_deadline() -> None:
    desk = Desk({"a": SILENT})
    live = live_of(desk.store, PlanMaker().node("a").build(), deadline_at=START_MS + 500)
    desk.driver.own(live, st.Start(ts=START_MS, deadline_ms=START_MS + 500))
    desk.settle()
    assert desk.task("a").deadline_ms == START_MS + 500 + DEADLINE_GRACE_MS
    desk.tick(500)
    assert (desk.row().status, desk.executor.stopped) == ("timed_out", [("e1", "a", 1)])


def test_a_step_is_given_what_those_before_it_have_left() -> None:
    def play(task: NodeTask) -> Any:
        return SILENT if task.step else stepped(task)

    def stepped(task: NodeTask) -> st.AttemptSucceeded:
        return succeeded(task, signals=Signals(step=Step("one", {"n": 1}), pause=Pause(reason="?", name="go")))

    desk = Desk({"a": play})
    desk.start(PlanMaker().node("a", streams=True).build())
    first = desk.task("a")
    desk.driver.post("e1", st.WaitAnswered(ts=START_MS, waitpoint="/go", data="yes"))
    desk.settle()
    second = desk.task("a")
    assert (first.step, first.journal, first.idempotency_key) == (0, None, "e1:a:1")
    assert (second.step, second.attempt, second.tries, second.idempotency_key) == (1, 2, 1, "e1:a:1.1")
    assert (second.journal, second.answer, second.stream_offset) == ({"n": 1}, Answer("yes"), 0)
