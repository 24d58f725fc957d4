"""Plays a workflow that SIM's executor was observed with: loaded and compiled by flowray, its neutral ops as replies.

Three ways: by the ops' own times on a virtual clock, as observed; in every order of completion; in sampled orders. The
sentinels of loops and parallels answer through flowray's own handlers, responses are filled by its own templates.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from flowray.compiler.builder import CompileResult, build_plan
from flowray.definition.dialects.sim import typed
from flowray.definition.inputs import input_contract, prepare_inputs
from flowray.definition.loading import load_definition
from flowray.definition.workflow import WorkflowDefinition
from flowray.engine import stimuli as st
from flowray.engine.commands import RunNode
from flowray.engine.context import ContextSlice
from flowray.engine.instances import parent_of_scope
from flowray.engine.outcomes import read_run
from flowray.engine.plan_index import PlanIndex
from flowray.engine.signals import Signals, VariableOperation
from flowray.engine.snapshot import snapshot_to_json
from flowray.engine.start_planning import StartRequest, plan_start
from flowray.engine.start_points import Selection
from flowray.errors import FlowrayError
from flowray.expressions.evaluator import evaluate
from flowray.expressions.names import MISSING, Names
from flowray.expressions.template import DEFAULT_OPTIONS, fill, parse_template
from flowray.handlers.handler import NodeHandler, NodeInput
from flowray.handlers.logic.conditional import ConditionalHandler
from flowray.handlers.logic.loop import LoopHandler
from flowray.handlers.logic.parallel import ParallelHandler
from flowray.handlers.references import fill_config
from flowray.handlers.registry import default_registry
from flowray.plan import ExecutionPlan
from tests.engine.harness import START_MS, Reply, Run, asks, err, ok, route, sleeps
from tests.fakes.services import fake_services

Scenario = dict[str, Any]

NODE_TYPES = default_registry(plugins=False).node_types()
SENTINELS: dict[str, NodeHandler] = {"loop": LoopHandler(), "parallel": ParallelHandler()}
CONDITIONS = ConditionalHandler()
SERVICES = fake_services()
BUILTINS = {"len": len, "list": list, "range": range}


# -- the workflow --------------------------------------------------------------------------------------------------


def sim_document(scenario: Scenario, *, conditions: str = "conditionsPy") -> dict[str, Any]:
    """The scenario's workflow with the ops' Python forms where SIM's JavaScript stood, and its variables.

    ``conditions`` keeps those of condition blocks in SIM's own JavaScript, ``conditionsPy`` takes their Python form.
    """
    workflow = deepcopy(scenario["workflow"])
    for block in workflow["blocks"]:
        op, params = block.pop("op", None), block["config"]["params"]
        if op is not None:
            pieces = {
                "code": op.get("py"),
                "ref": op.get("ref"),
                "text": op.get("text"),
                "ms": {"code": op.get("msPy")},
            }
            block["config"]["params"] = {key: value for key, value in pieces.items() if value is not None}
        elif "conditionsPy" in params:
            params["conditions"] = params[conditions]
    return {**workflow, "variables": scenario.get("variables", {})}


def loaded(scenario: Scenario, *, conditions: str = "conditionsPy") -> WorkflowDefinition | None:
    """The definition, or None if the loader refuses it."""
    return load_definition(sim_document(scenario, conditions=conditions), dialect="sim").definition


def compiled(scenario: Scenario) -> CompileResult | None:
    """What the compiler makes of it; None if the loader refuses it."""
    definition = loaded(scenario)
    if definition is None:
        return None
    return build_plan(definition, NODE_TYPES, trigger=scenario.get("trigger"))


# -- the replies ---------------------------------------------------------------------------------------------------


@dataclass
class Player:
    """One execution of a scenario. ``counts``: how often each key of an op was used so far.

    ``own_conditions``: conditions are evaluated by flowray's own handler, not in their Python form.
    """

    scenario: Scenario
    plan: ExecutionPlan
    inputs: dict[str, Any]
    own_conditions: bool = False
    check: bool = True
    selection: Selection | None = None
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.ops = {block["id"]: block["op"] for block in self.scenario["workflow"]["blocks"] if "op" in block}
        self.run = Run(self.plan, dict.fromkeys(self.plan.nodes, self.reply), check=self.check)
        self.resumes = list(self.scenario.get("resumes", ()))
        self.done: dict[str, Any] = {}

    def reply(self, call: RunNode, context: ContextSlice) -> Reply:
        """What the node does, by its type."""
        node = self.plan.nodes[call.node_id]
        names = names_of(self.run, call, context, self.scenario.get("env", {}))
        if node.type in SENTINELS:
            return by_handler(SENTINELS[node.type], call, node.config, names)
        if node.type == "conditional" and self.own_conditions:
            return by_handler(CONDITIONS, call, node.config, names)
        if node.id in self.ops:
            return self._op(self.ops[node.id], call, node.config, names)
        return _REPLIES.get(node.type, _unknown)(self, call, node.config, names)

    def delay_ms(self, call: RunNode) -> int:
        """How long the node takes."""
        op = self.ops.get(call.node_id, {})
        if "msPy" in op:
            names = names_of(self.run, call, self.run.slices[call.instance], {})
            return int(python(self.plan.nodes[call.node_id].config["ms"]["code"], names))
        return int(op.get("ms", 0))

    def _op(self, op: dict[str, Any], call: RunNode, config: dict[str, Any], names: Names) -> Reply:
        index = parent_of_scope(call.instance.rpartition("/")[0])[1] if "/" in call.instance else 0
        value = op.get("value", index if "ref" not in op else None)
        if "ref" in config:
            value = fill(config["ref"], names)
        message = str(op.get("message", "")).replace("<index>", str(index))
        match op["op"]:
            case "expr":
                value = python(config["code"], names)
            case "template":
                value = fill(config["text"], names)
            case "count":
                self.counts[op["key"]] += 1
                value = self.counts[op["key"]]
            case "fail":
                return err("NODE_FAILED", message)
            case "failIf" if python(config["code"], names):
                return err("NODE_FAILED", message)
            case "failTimes":
                self.counts[op["key"]] += 1
                if self.counts[op["key"]] <= op["n"]:
                    return err("NODE_FAILED", message)
            case "const" | "ref" | "sleep" | "sleepThen" | "failIf":
                pass
            case other:
                raise AssertionError(f"an op that nobody plays: {other}")
        return ok({"result": value})

    # -- playing ---------------------------------------------------------------------------------------------------

    def start(self) -> Run:
        """Begin."""
        self.run.send(st.Start(ts=self.run.now, inputs=self.inputs, selection=self.selection))
        return self.run

    def by_time(self) -> Run:
        """By the ops' own times, ties in the order of dispatch."""
        run, due = self.run, dict[tuple[str, int, str, int], int]()
        abort = self.scenario.get("abortAfterMs")
        if abort is not None and abort < 0:
            run.send(st.CancelRequested(ts=run.now))
        self.start()
        while run.ended is None:
            for call in run.pending:
                due.setdefault(_key(call), run.now + self.delay_ms(call))
            times = [due[_key(call)] for call in run.pending] + list(run.timers.values())
            if abort is not None and abort >= 0 and (not times or min(times) > START_MS + abort):
                run.now = START_MS + abort
                run.send(st.CancelRequested(ts=run.now))
            elif run.pending and min(times) == min(due[_key(call)] for call in run.pending):
                call = min(run.pending, key=lambda call: due[_key(call)])
                run.now = max(run.now, due.pop(_key(call)))
                run.answer(call)
            elif not self.rest():
                return run
        return run

    def rest(self) -> bool:
        """Nothing runs: a person answers, or time passes. False if it stays as it is."""
        run = self.run
        asking = [instance for instance, due_at in sorted(run.state.waiting.items()) if due_at < 0]
        if asking and self.resumes:
            resume = self.resumes.pop(0)
            instance = next((name for name in asking if name == resume.get("contextId")), asking[0])
            data = {**resume["input"], "submission": resume["input"], "resumeInput": resume["input"]}
            run.send(st.WaitAnswered(ts=run.now, instance=instance, data=data))
            return True
        if run.timers and not (self.scenario["observed"]["status"] == "paused" and not self.resumes):
            run.fire_next_timer()
            return True
        return False

    def in_order(self, pick: Callable[[Run], int]) -> Run:
        """In the order that ``pick`` chooses among what is pending. The clock stands still while anything runs."""
        run = self.start()
        while run.ended is None:
            if run.pending:
                run.answer(run.pending[pick(run)])
            elif not self.rest():
                break
        return run


class _SeenError(Exception):
    """This state has been played on from before."""


def all_orders(make: Callable[[], Player], most: int, rng: random.Random) -> Iterator[Player]:
    """A finished run for every order of completion that leads to a state not seen before.

    Two orders that reach the same state go on alike, because ``step`` is a function of the state. Beyond ``most`` runs
    the rest is sampled: as many random orders as a tenth of that.
    """
    seen: set[bytes] = set()
    prefixes: list[tuple[int, ...]] = [()]
    for _ in range(most):
        if not prefixes:
            return
        player = make()
        try:
            player.in_order(_follow(player, prefixes.pop(), seen, prefixes))
        except _SeenError:
            continue
        yield player
    for _ in range(max(most // 10, 1) if prefixes else 0):
        player = make()
        player.in_order(lambda run: rng.randrange(len(run.pending)))
        yield player


def _follow(
    player: Player, prefix: tuple[int, ...], seen: set[bytes], prefixes: list[tuple[int, ...]]
) -> Callable[[Run], int]:
    taken: list[int] = []

    def pick(run: Run) -> int:
        place = len(taken)
        if place < len(prefix):
            taken.append(prefix[place])
        else:
            if len(run.pending) > 1:
                pending = sorted(f"{call.instance}#{call.attempt}" for call in run.pending)
                state = snapshot_to_json(run.state) + repr((pending, sorted(player.counts.items()))).encode()
                if state in seen:
                    raise _SeenError
                seen.add(state)
                prefixes.extend((*taken, other) for other in range(1, len(run.pending)))
            taken.append(0)
        return taken[-1]

    return pick


def players_of(scenario: Scenario, *, conditions: str = "conditionsPy") -> Callable[..., Player]:
    """Makes new executions of a scenario that compiles; of one that runs from a block, those of its second run.

    Raises INVALID_START_POINT where that block cannot be run from.
    """
    definition = loaded(scenario, conditions=conditions)
    assert definition is not None, scenario["id"]
    plan = build_plan(definition, NODE_TYPES, trigger=scenario.get("trigger")).require()
    inputs = prepare_inputs(input_contract(definition), scenario.get("input", {}))
    make = partial(Player, scenario, plan, inputs, own_conditions=conditions == "conditions")
    selection = None
    if "stopAfter" in scenario:
        last = scenario["stopAfter"].removeprefix("loop-").removesuffix("-sentinel-end")
        selection = plan_start(PlanIndex(plan), StartRequest(until_node=last), None, None)
    if "runFrom" in scenario:
        first = make(selection=selection).by_time()
        request = StartRequest(from_node=scenario["runFrom"]["blockId"])
        selection = plan_start(first.index, request, read_run(first.index, first.log), "e0")
    return partial(make, selection=selection)


# -- replies by type -----------------------------------------------------------------------------------------------


def names_of(run: Run, call: RunNode, context: ContextSlice, env: dict[str, str]) -> Names:
    """What a lane would make of the context that came with a dispatch."""
    known = {*run.index.nodes[call.node_id].node.providers, *run.plan.absent_nodes} - context.outputs.keys()
    return Names(
        loop=context.loop, parallel=context.parallel, containers=context.containers, variables=context.variables,
        outputs=context.outputs, inputs=context.inputs, env=env, known=frozenset(known), bound=context.bound,
    )  # fmt: skip


def python(code: str, names: Names, **more: Any) -> Any:
    """The value of a Python expression with templates in it. Raises whatever the expression raises."""
    values: dict[str, Any] = {}
    written = []
    for part in parse_template(code) or (code,):
        if isinstance(part, str):
            written.append(part)
            continue
        assert part.node is not None, part
        value = evaluate(part.node, names)
        name = f"_{len(values)}"
        values[name] = None if value is MISSING else value
        written.append(name)
    return eval("".join(written), {"__builtins__": BUILTINS}, {**values, **more})


def by_handler(handler: NodeHandler, call: RunNode, config: dict[str, Any], names: Names) -> Reply:
    """What flowray's own handler answers."""
    try:
        filled = fill_config(config, handler.node_type.fields, names, DEFAULT_OPTIONS, [])
        given = NodeInput(
            execution_id="e1", instance=call.instance, node_id=call.node_id, node_type=handler.node_type.name,
            config=filled, names=names, services=SERVICES, raw_config=config, dialect="sim", sentinel=call.sentinel,
            round=call.round,
        )  # fmt: skip
        result = _without_waiting(handler.execute(given))
    except FlowrayError as error:
        return err(str(error.code), error.message)
    return ok(result.data, signals=result.signals)


def _without_waiting(work: Any) -> Any:
    """The result of a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("a handler waited for something outside")


def _trigger(player: Player, call: RunNode, config: dict[str, Any], names: Names) -> Reply:
    return ok(dict(names.inputs))


def _condition(player: Player, call: RunNode, config: dict[str, Any], names: Names) -> Reply:
    feeders = [edge.source for edge in player.plan.scopes[""].edges if edge.target == call.node_id]
    context = player.run.root()[feeders[0]].output if feeders else None
    for rule in config["conditions"]:
        try:
            holds = python(rule["expression"], names, context=context)
        except Exception as error:
            text = str(error).replace("name 'undefinedVar'", "undefinedVar")
            return err("EXPRESSION_ERROR", f'Evaluation error in condition "{rule["name"]}": {text}')
        if holds:
            return route(rule["name"], output={"conditionResult": True, "selectedOption": rule["name"]})
    default = config.get("defaultOutput")
    handles = (default,) if default else ()
    return route(*handles, output={"conditionResult": bool(default), "selectedOption": default})


def _response(player: Player, call: RunNode, config: dict[str, Any], names: Names) -> Reply:
    if "fields" in config:
        data = {row["name"]: typed(fill(row["value"], names), row["type"]) for row in config["fields"]}
    else:
        data = fill(config["data"], names)
    output = {"data": data, "status": config["status"], "headers": {"Content-Type": "application/json"}}
    return ok(output, signals=Signals(finish=True))


def _variables(player: Player, call: RunNode, config: dict[str, Any], names: Names) -> Reply:
    output: dict[str, Any] = {}
    for entry in config["assignments"]:
        name, value = entry["variableName"], fill(entry["value"], names)
        output[name] = typed(value, entry["valueType"])
        if entry["valueType"] == "number" and isinstance(output[name], str):
            expected = f'Invalid number value for variable "{name}": "{value}". Expected a valid number.'
            return err("INVALID_NODE_CONFIG", f"Variables block execution failed: {expected}")
    changes = [VariableOperation("set", name, value) for name, value in output.items() if name in player.plan.variables]
    return ok(output, variables=tuple(changes))


def _wait(player: Player, call: RunNode, config: dict[str, Any], names: Names) -> Reply:
    output = {"waitDuration": config["duration"], "status": "completed"}
    return sleeps(player.run.now + config["duration"], output)


def _human(player: Player, call: RunNode, config: dict[str, Any], names: Names) -> Reply:
    return asks()


def _unknown(player: Player, call: RunNode, config: dict[str, Any], names: Names) -> Reply:
    node_type = player.plan.nodes[call.node_id].type
    return err("UNKNOWN_NODE_TYPE", f"no handler for node type {node_type!r}")


_REPLIES = {
    "trigger": _trigger, "conditional": _condition, "response": _response, "variables": _variables, "wait": _wait,
    "humanReview": _human,
}  # fmt: skip


def _key(call: RunNode) -> tuple[str, int, str, int]:
    return call.instance, call.attempt, call.sentinel, call.round
