"""Every real workflow run with scripted replies, once per process: what each file's runs came to. Asserts nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from flowray.compiler.builder import build_plan
from flowray.definition.diagnostics import Diagnostic
from flowray.definition.loading import load_definition
from flowray.definition.node_type import NodeType
from flowray.definition.workflow import WorkflowDefinition
from flowray.engine.instances import split_instance
from flowray.engine.plan_index import PlanIndex
from flowray.plan import ExecutionPlan
from tests.conformance.corpus_laws import merges, violations
from tests.conformance.corpus_player import (
    FAILS,
    MOST_COMBINATIONS,
    Played,
    Script,
    combinations,
    play,
    scripted_types,
)
from tests.corpus import CORPUS, load_workflow, workflow_files


@dataclass
class FileRuns:
    """One file. ``plan`` is None if it is refused; ``first`` is the first of its runs. ``diagnostics`` of compiling.

    ``statuses`` counts how the combinations end, ``failures`` how runs end in which one node instance fails, which is
    each that the first combination started. ``paused``: combinations that wait for a person on the way. ``never``: node
    of the definition → why no combination executes it. ``capped``: there are more combinations than were played.
    """

    file: str
    kind: str
    diagnostics: tuple[Diagnostic, ...] = ()
    plan: ExecutionPlan | None = None
    first: Played | None = None
    combinations: int = 0
    capped: bool = False
    statuses: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    paused: int = 0
    nodes: int = 0
    never: dict[str, str] = field(default_factory=dict)
    merges: frozenset[str] = frozenset()
    merges_reached: frozenset[str] = frozenset()
    problems: list[str] = field(default_factory=list)


@cache
def corpus_runs() -> tuple[FileRuns, ...]:
    """All files of FlowMaestro, in order of their names. Takes seconds."""
    return tuple(run_document(path.name, *load_workflow(path)) for path in workflow_files())


@cache
def sim_runs() -> tuple[FileRuns, ...]:
    """The real exports of SIM."""
    paths: list[Path] = sorted((CORPUS / "sim" / "exports").glob("*.json")) if CORPUS is not None else []
    return tuple(run_document(path.name, {"kind": "sim-export"}, path.read_text()) for path in paths)


def run_document(file: str, meta: dict[str, Any], document: Any) -> FileRuns:
    """Load, compile and play one document from every node that may start it."""
    found = FileRuns(file, meta["kind"])
    definition = load_definition(document).require()
    types = scripted_types([node.type for node in definition.nodes.values()])
    compiled = build_plan(definition, types)
    found.plan, found.diagnostics = compiled.plan, compiled.diagnostics
    ran: set[str] = set()
    for plan in _plans(definition, types, found.plan):
        index = PlanIndex(plan)
        found.merges |= merges(index)
        played_here = 0
        for played in combinations(index):
            played_here += 1
            found.first = found.first or played
            found.statuses[str(played.run.ended)] += 1
            found.paused += bool(played.rested)
            ran |= played.ran
            _note(found, played)
        found.combinations += played_here
        found.capped |= played_here == MOST_COMBINATIONS
    if found.first is not None:
        for played in _failing(found.first):
            found.failures[str(played.run.ended)] += 1
            _note(found, played)
        found.nodes = len(definition.nodes)
        found.never = {node_id: _reason(definition, node_id) for node_id in definition.nodes if node_id not in ran}
        found.merges_reached = found.merges & ran
    return found


def _note(found: FileRuns, played: Played) -> None:
    found.problems += [f"{found.file} {played.script.choices}: {problem}" for problem in violations(played)]


def _failing(first: Played) -> Iterator[Played]:
    """The first combination again, once for each instance that a handler ran: this one fails."""
    index = first.script.index
    for instance in first.run.started():
        if not index.nodes[split_instance(instance)[1]].is_container:
            yield play(Script(index, choices={instance: FAILS}))


def _plans(
    definition: WorkflowDefinition, types: Mapping[str, NodeType], plan: ExecutionPlan | None
) -> Iterator[ExecutionPlan]:
    """The plan, and one for each further trigger that may start it instead; none if it is refused."""
    if plan is None:
        return
    yield plan
    for node_id in plan.absent_nodes:
        if definition.nodes[node_id].type == "trigger":
            yield build_plan(definition, types, trigger=node_id).require()


def _reason(definition: WorkflowDefinition, node_id: str) -> str:
    if not any(edge.target == node_id for edge in definition.edges):
        return "no edge leads to it, and its type starts nothing (R2)"
    return "no combination selects a way to it"
