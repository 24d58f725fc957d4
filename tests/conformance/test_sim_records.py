"""147 scenarios that SIM's own executor was observed with, through the loader, the compiler and the engine.

Each ``adopt`` gives what was observed, each ``improve`` and ``defect`` what is wanted instead: as observed by the ops'
times on a virtual clock, and then in every order of completion. Deviations assert our value and name the rule.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from functools import cache, partial
from typing import Any

import pytest

from flowray.definition.diagnostics import Severity
from flowray.definition.loading import load_definition
from flowray.engine.events import NodeCancelled, NodeCompleted, NodeFailed, NodeReused
from flowray.engine.instances import parent_of_scope
from flowray.engine.plan_index import CONTAINER_ROLES
from flowray.errors import ErrorCode, FlowrayError
from tests.conformance.judging import ALLOWED_DEVIATING
from tests.conformance.sim_player import Player, Scenario, all_orders, compiled, players_of, sim_document
from tests.corpus import CORPUS, needs_corpus
from tests.engine.harness import Run

MOST_ORDERS = 2_000

REFUSED = {"A08": "CYCLE", "E26": "EMPTY_BODY", "F21": "EMPTY_BODY"}
"""Failures that are found before anything runs, by their diagnostic."""

CANNOT_BEGIN = {"K03": "'L'", "K05": "'b'"}
"""Blocks that cannot be run from, by what the message names: the loop around it, the block before it that never ran."""

LONG = frozenset({"E41", "F04", "I04"})
"""Played without comparing the fold to the live state at each step."""

OUR_WORDS = {
    "B21": "x: no handler for node type 'nonexistent_type'",
    "E08": "L: '{{src.result ?? []}}' did not resolve to an array. Got: number",
    "F17": "P: '' did not resolve to an array",
}
"""The same failure of the same block; the message is our handler's."""

AS_C03: dict[str, Any] = {
    "C04": {"conditionResult": True, "selectedOption": "if"},
    "C21": {"conditionResult": True, "selectedOption": "else"},
    "C24": {
        "c1": {"conditionResult": True, "selectedOption": "else"},
        "c2": {"conditionResult": True, "selectedOption": "else"},
    },
}
"""Recorded as ``adopt`` with ``{}``; ours is the output of what ended the run, as C03 and B09 want it (R8)."""

DEVIATIONS: dict[str, tuple[dict[str, Any], str]] = {
    "B15": ({"status": "completed", "output": {"result": None}}, "section 6: a path that is missing reads null"),
    "B16": ({"status": "completed", "output": {"result": None}}, "section 6: a path that is missing reads null"),
    "E24": ({"status": "completed", "output": {"result": None}}, "section 6: a path that is missing reads null"),
    "J08": (
        {"status": "completed", "data": {"u": "https://h.example/x", "m": None}},
        "section 6: as a whole value an unresolved reference is null; inside text it stays",
    ),
    "J12": ({"status": "completed", "output": {"result": 1}}, "R57: undeclared inputs are kept, no name is reserved"),
    "J20": ({"status": "completed", "executed": ["Start", "w"]}, "R13: a wait holds no slot, so none is too long"),
}
"""Adopted records that our rules contradict: our value and the rule."""

WITHOUT_WANT: dict[str, dict[str, Any]] = {
    "A11": {"status": "completed", "executed": ["a", "b"], "output": {"result": 2}},
    "B09": {
        "status": "completed",
        "executed": ["Start", "w1", "w2"],
        "output": {"w1": {"result": 1}, "w2": {"result": 2}},
    },
    "C03": {
        "status": "completed",
        "executed": ["Start", "c"],
        "output": {"conditionResult": False, "selectedOption": None},
    },
    "F03": {"status": "completed", "results": [[{"result": index}] for index in range(5)], "peak": 2},
    "F04": {"status": "completed", "output": {"result": 25}, "peak": 20},
    "G05": {"status": "completed", "executed": ["Start", "a", "b"], "output": {"result": 2}},
    "G06": {
        "status": "completed",
        "executed": ["Start", "body (iteration 0)", "body (iteration 1)", "L"],
        "results": [[{"result": 1}], [{"result": 1}]],
    },
    "H02": {"status": "completed", "executed": ["Start", "h", "after"], "output": {"result": True}},
    "H07": {
        "status": "completed",
        "executed": ["Start", "a", "h"],
        "output": {"approved": True, "submission": {"approved": True}, "resumeInput": {"approved": True}},
    },
    "I04": {"status": "cancelled", "fewer": 100},
    "J14": {"status": "completed", "output": {"result": "say hi!"}},
}
"""What a note says instead of ``want``, as values."""

TIES = frozenset({"C15"})
"""Two terminals end at the same time: which is last is decided by seq, and exempt (R8)."""


@cache
def scenarios() -> tuple[Scenario, ...]:
    if CORPUS is None:
        return ()
    return tuple(json.loads((CORPUS / "sim" / "scenarios.json").read_text())["scenarios"])


def expected(scenario: Scenario) -> dict[str, Any]:
    """What must come out: ``status`` and any of error, executed, count, output, results, states, peak, waits."""
    name, observed = scenario["id"], scenario["observed"]
    if name in DEVIATIONS:
        return DEVIATIONS[name][0]
    if name in WITHOUT_WANT:
        return WITHOUT_WANT[name]
    if "want" in scenario:
        return dict(scenario["want"])
    found = {key: observed[key] for key in ("status", "error", "states") if key in observed}
    if name in OUR_WORDS:
        found["error"] = OUR_WORDS[name]
        del found["states"]
    if "executedCount" in observed:
        found["count"] = observed["executedCount"]
    else:
        found["executed"] = observed["executed"]
    if observed["status"] == "cancelled":
        # What had run is reported by both; only SIM calls a cancelled block an error.
        found["executed"] = [item.removesuffix(" !ERR") for item in found["executed"]]
        del found["states"]
    if observed["status"] == "completed" and name not in TIES:
        found["output"] = AS_C03.get(name, observed["output"])
    if "pausePoints" in observed:
        found["waits"] = sorted(point["blockId"] for point in observed["pausePoints"])
    return found


def outcome(player: Player) -> dict[str, Any]:
    """What our run gave, in the terms of the records."""
    run = player.run
    errors = run.state.errors
    status = run.ended or {"waiting": "paused"}.get(run.state.status.value, run.state.status.value)
    output = plain(run.outputs)
    waits = [name.rpartition("/")[2] for name in run.state.waiting]
    return {
        "status": status,
        "error": _named(run, errors[0]) if errors else None,
        "executed": executed(run),
        "output": output,
        "results": output.get("results") if isinstance(output, dict) else None,
        "data": output.get("data") if isinstance(output, dict) else None,
        "states": states(run),
        "peak": run.most_running,
        "waits": sorted(waits),
    }


def _named(run: Run, error: Any) -> str:
    node = run.plan.nodes.get(error.node_id)
    return f"{node.name if node else error.node_id}: {error.message}"


def executed(run: Run) -> list[str]:
    """SIM's names of what ran: with the iteration, how it ended, and its tries. Containers only as such."""
    found = []
    finishing = False
    for event in run.events:
        if not isinstance(event, NodeCompleted | NodeFailed | NodeCancelled):
            continue
        if isinstance(event, NodeCompleted):
            finishing = finishing or event.finish
        node, mark, scope = run.plan.nodes[event.node_id], "", event.instance.rpartition("/")[0]
        if isinstance(event, NodeFailed):
            mark = " !handled" if event.routed else " !ERR"
        if node.role in CONTAINER_ROLES:
            # Of a failure within only the block itself is listed, and nothing that drains after a response.
            own = event.error.node_id == node.id if isinstance(event, NodeFailed) else not finishing
            if own and not isinstance(event, NodeCancelled):
                found.append("container" + mark)
        elif event.attempt:
            place = f" (iteration {parent_of_scope(scope)[1]})" if scope else ""
            found.append(node.name + place + mark + (f" tries={event.attempt}" if event.attempt > 1 else ""))
    ended = {event.instance for event in run.events if isinstance(event, NodeCompleted | NodeFailed | NodeCancelled)}
    for instance in run.state.waiting:
        if instance not in ended:
            scope, _, node_id = instance.rpartition("/")
            place = f" (iteration {parent_of_scope(scope)[1]})" if scope else ""
            found.append(run.plan.nodes[node_id].name + place)
    return found


def observed_names(scenario: Scenario, names: list[str]) -> list[str]:
    """SIM's names, with those of loops, parallels and their clones as one."""
    blocks = scenario["workflow"]["blocks"]
    containers = {block["metadata"]["name"] for block in blocks if block["metadata"]["id"] in ("loop", "parallel")}
    containers |= {"loop", "parallel", "Loop"} - {block["metadata"]["name"] for block in blocks}
    found = []
    for name in names:
        bare, _, mark = name.partition(" !")
        found.append("container" + (f" !{mark}" if mark else "") if bare in containers else name)
    return found


def states(run: Run) -> dict[str, Any]:
    """The last output of every node outside parallels, by node id."""
    found: dict[str, Any] = {}
    for event in run.events:
        if isinstance(event, NodeCompleted | NodeFailed | NodeReused):
            chain = run.index.chains[event.node_id]
            if not any(run.plan.nodes[name].type == "parallel" for name in chain):
                value = {"error": event.error.message} if isinstance(event, NodeFailed) else event.output
                found[event.node_id] = plain(value)
    return found


def plain(value: Any) -> Any:
    """Without what the two engines write differently: an error is its message, a condition its choice."""
    if isinstance(value, dict):
        if value.keys() >= {"message", "code", "node_id", "attempt"}:
            return {"error": value["message"]}
        if value.get("submission") == {}:
            return {key: item for key, item in value.items() if key not in ("submission", "resumeInput")}
        if "selectedOption" in value:
            return {key: value.get(key) for key in ("conditionResult", "selectedOption")}
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def differences(scenario: Scenario, wanted: dict[str, Any], got: dict[str, Any]) -> list[str]:
    """What came out otherwise than it must."""
    found = []
    for key, value in wanted.items():
        ours = got.get(key)
        if key == "executed":
            value, ours = Counter(observed_names(scenario, value)), Counter(ours)
        elif key == "count":
            ours = len(got["executed"])
        elif key == "fewer":
            ours = value if len(got["executed"]) < value and "after" not in got["executed"] else got["executed"]
        elif key == "error":
            ours = ours if ours is None or not str(ours).startswith(str(value)) else value
        elif key == "states":
            blocks = {name: plain(state) for name, state in value.items() if name in got["states"]}
            value, ours = blocks, {name: got["states"][name] for name in blocks}
        elif key == "output":
            value = plain(value)
        if value != ours:
            found.append(f"{key}: {ours!r}, wanted {value!r}"[:600])
    return found


# -- every order of completion -------------------------------------------------------------------------------------


def is_raced(scenario: Scenario, wanted: dict[str, Any]) -> bool:
    """Whether what runs depends on the order by design: a failure, a response or a cancel ends it (R8, R9, R10)."""
    kinds = {block["metadata"]["id"] for block in scenario["workflow"]["blocks"]}
    return wanted["status"] not in ("completed", "paused") or "response" in kinds


def order_differences(scenario: Scenario, wanted: dict[str, Any], player: Player) -> list[str]:
    """What one order of completion gave otherwise than every order must."""
    run, got = player.run, outcome(player)
    if run.state.running or (run.state.containers and run.ended):
        return [f"still running: {list(run.state.running)}"]
    if not is_raced(scenario, wanted):
        found = differences(scenario, {key: wanted[key] for key in wanted if key not in ("output", "peak")}, got)
        alone = len([name for name in run.completed if not run.index.nodes[name].outgoing]) <= 1
        if "output" in wanted and alone:
            found += differences(scenario, {"output": wanted["output"]}, got)
        return found + last_terminal_differences(run)
    first = next((event.error for event in run.events if isinstance(event, NodeFailed) and not event.routed), None)
    if wanted["status"] == "failed" and (first is None or got["error"] != _named(run, first)):
        return [f"error: {got['error']!r}, first failure {first and first.message!r}"]
    return [] if wanted["status"] == got["status"] or "response" in str(scenario["workflow"]) else [got["status"]]


def last_terminal_differences(run: Run) -> list[str]:
    """R8: the output is that of the last terminal to complete."""
    ended = [
        event.output
        for event in run.events
        if isinstance(event, NodeCompleted) and "/" not in event.instance
        if not run.index.nodes[event.node_id].outgoing
    ]
    if run.ended != "completed" or not ended or run.outputs == ended[-1]:
        return []
    return [f"output {run.outputs!r}, the last terminal gave {ended[-1]!r}"]


# -- the tests -----------------------------------------------------------------------------------------------------


def judge(scenario: Scenario) -> list[str]:
    """Differences of a scenario as observed: refused where it must be, else played by its own times."""
    if scenario["id"] in REFUSED:
        loaded = load_definition(sim_document(scenario), dialect="sim")
        plan = compiled(scenario)
        found = plan.diagnostics if plan is not None else loaded.diagnostics
        codes = [finding.code.value for finding in found if finding.severity is Severity.ERROR]
        return [] if codes == [REFUSED[scenario["id"]]] else [f"refused with {codes}"]
    if scenario["id"] in CANNOT_BEGIN:
        with pytest.raises(FlowrayError, match=CANNOT_BEGIN[scenario["id"]]) as raised:
            players_of(scenario)
        return [] if raised.value.code is ErrorCode.INVALID_START_POINT else [f"refused with {raised.value.code}"]
    player = players_of(scenario)(check=scenario["id"] not in LONG)
    player.by_time()
    return differences(scenario, expected(scenario), outcome(player))


@needs_corpus
def test_every_scenario_as_observed_or_as_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    counts: Counter[str] = Counter()
    wrong = []
    for scenario in scenarios():
        name, verdict = scenario["id"], scenario["verdict"]
        found = judge(scenario)
        if found:
            wrong.append(f"{name}: {'; '.join(found)}")
        kind = "deviating" if name in DEVIATIONS else "adopt, output as C03 wants" if name in AS_C03 else verdict
        counts["wrong" if found else kind] += 1
    with capsys.disabled():
        print(f"\nsim/scenarios.json: {dict(counts)} of {len(scenarios())}")
        for name, (_, rule) in DEVIATIONS.items():
            print(f"  {name} deviates -- {rule}")
    assert wrong == []
    assert len(scenarios()) == 147
    assert counts["deviating"] == len(DEVIATIONS) <= ALLOWED_DEVIATING * len(scenarios())


GROUPS = ("structure", "errors", "condition", "loop", "parallel", "termination", "pause", "refs", "runfrom")
"""All but those that a cancel makes."""


@needs_corpus
@pytest.mark.parametrize("group", GROUPS)
def test_l4_every_scenario_in_every_order_of_completion(group: str) -> None:
    played = 0
    for scenario in scenarios():
        if scenario["group"] != group or scenario["id"] in {*REFUSED, *CANNOT_BEGIN, *LONG}:
            continue
        wanted, make = expected(scenario), partial(players_of(scenario), check=False)
        for player in all_orders(make, MOST_ORDERS, random.Random(7)):
            assert order_differences(scenario, wanted, player) == [], scenario["id"]
            played += 1
    assert played


@needs_corpus
def test_every_scenario_belongs_to_a_group_that_is_played() -> None:
    assert {scenario["group"] for scenario in scenarios()} == {*GROUPS, "cancel"}


@needs_corpus
def test_the_search_finds_both_orders_of_two_nodes() -> None:
    scenario = next(item for item in scenarios() if item["id"] == "B12")
    errors = {outcome(player)["error"] for player in all_orders(players_of(scenario), MOST_ORDERS, random.Random(7))}
    assert errors == {"w1: second", "w2: first"}


THROWS = frozenset({"C08", "C09"})
"""Their condition names a variable that JavaScript does not know; here a missing name reads null (section 6)."""


@needs_corpus
def test_conditions_in_javascript_choose_as_sim_did() -> None:
    """The loader's expressions, evaluated by flowray's own handler, instead of the records' Python forms."""
    played = 0
    for scenario in scenarios():
        kinds = {block["metadata"]["id"] for block in scenario["workflow"]["blocks"]}
        if "condition" not in kinds or scenario["id"] in THROWS:
            continue
        player = players_of(scenario, conditions="conditions")(check=False)
        player.by_time()
        wanted = {key: value for key, value in expected(scenario).items() if key in ("status", "executed")}
        assert differences(scenario, wanted, outcome(player)) == [], scenario["id"]
        played += 1
    assert played == 20
