"""The simulated database, and what it is known to hold: every commit is checked and noted the moment it is durable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.records import ExecutionRecord
from flowray.persistence.writes import AnyResult, AnyWrite, AppendEvents, Done
from flowray.plan import plan_from_json
from tests.simulation.clock import Clock

AGAIN = "-again"
"""What the id of a rerun ends with."""

_ENDS = frozenset({"node.completed", "node.failed", "node.skipped", "node.cancelled"})


class Durable:
    """What is durable of one execution, read from its log as it grows."""

    def __init__(self) -> None:
        self.last_seq = 0
        self.epoch = 0
        self.started: dict[tuple[str, int], int] = {}
        self.ended: dict[str, str] = {}
        self.nonces: set[int] = set()
        self.retries: dict[str, int] = {}
        self.codes: set[str] = set()
        self.codes_tried: set[str] = set()
        self.terminal: str | None = None
        self.answers: dict[str, Any] = {}
        """By waitpoint id; None for one whose time was up."""
        self.reused: set[str] = set()
        self.commits = 0
        self.finished = False
        self.clock: Clock | None = None
        self.children: dict[str, str | None] = {}
        """Their ids, and how they are said to have ended."""
        self.steps: dict[str, list[int]] = {}
        """The nonces of the steps that each instance has done."""
        self.texts: dict[str, int] = {}
        """How long the text of each instance is."""
        self.written = blake2b()
        """Of every commit, in order, as it was when it became durable."""


class Ledger:
    """A Committer over a MemoryStore. ``violation`` is told of every law that a commit breaks."""

    def __init__(self, clock_ms: Callable[[], int], violation: Callable[[str], None]) -> None:
        self.store = MemoryStore(clock_ms)
        self._violation = violation
        self.durable: dict[str, Durable] = {}
        self.whole: Callable[[Any], Any] = lambda value: value
        """Reads what a value refers to, told by the lanes."""
        self.written: Callable[[], object] = lambda: None
        """Called after every commit, to see whether what it left may be."""
        self.made: dict[int, tuple[str, str, int]] = {}
        """Which attempt each nonce was made in, told by the lanes."""

    def commit(self, writes: Sequence[AnyWrite]) -> list[AnyResult]:
        """Apply, then note what is new."""
        results = self.store.commit(writes)
        for write, result in zip(writes, results, strict=True):
            if isinstance(write, AppendEvents) and isinstance(result, Done):
                self._note(write.execution_id)
        self.written()
        return results

    def of(self, execution_id: str) -> Durable:
        """What is known of an execution."""
        found = self.durable.get(execution_id)
        if found is None:
            found = self.durable[execution_id] = Durable()
        return found

    def executions(self) -> list[ExecutionRecord]:
        """Every execution's row, in order of insertion."""
        return list(self.store._tables.executions.values())

    def batches(self, execution_id: str) -> Sequence[Any]:
        """The commits of an execution."""
        return self.store._tables.batches.get(execution_id, ())

    def _note(self, execution_id: str) -> None:
        known = self.of(execution_id)
        batches = self.batches(execution_id)
        for batch in batches[known.commits :]:
            if batch.first_seq != known.last_seq + 1 or batch.last_seq < batch.first_seq:
                self._violation(f"L3 {execution_id}: {batch.first_seq} follows {known.last_seq}")
            if batch.epoch < known.epoch:
                self._violation(f"R22 {execution_id}: epoch {batch.epoch} wrote after epoch {known.epoch}")
            if known.terminal is not None:
                self._violation(f"{execution_id}: written to after {known.terminal}")
            known.written.update(batch.events)
            events = msgspec.json.decode(batch.events)
            if len(events) != batch.last_seq - batch.first_seq + 1:
                self._violation(f"L3 {execution_id}: {len(events)} events as {batch.first_seq} to {batch.last_seq}")
            for wrong in self._clock(execution_id, known).note(events):
                self._violation(f"{execution_id}: {wrong}")
            for event in events:
                self._note_event(execution_id, known, event)
            known.last_seq, known.epoch = batch.last_seq, batch.epoch
        known.commits = len(batches)

    def _clock(self, execution_id: str, known: Durable) -> Clock:
        if known.clock is None:
            record = self.store._tables.executions[execution_id]
            plan = plan_from_json(self.store._tables.plans[record.plan_hash])
            known.clock = Clock(record.deadline_at, plan.settings.timeout_ms)
        return known.clock

    def _note_event(self, execution_id: str, known: Durable, event: dict[str, Any]) -> None:
        kind = event["type"]
        if kind == "node.started":
            self._note_start(execution_id, known, event)
        elif kind in _ENDS:
            self._note_end(execution_id, known, event)
        elif kind in ("node.stepped", "node.answered", "node.token", "stream.reset"):
            self._note_progress(execution_id, known, event)
        elif kind == "node.waiting":
            self._note_output(execution_id, known, event)
        elif kind == "node.retrying" and not event.get("lost"):
            known.codes_tried.add(event["error"]["code"])
            known.retries[event["instance"]] = known.retries.get(event["instance"], 0) + 1
        elif kind == "waitpoint.closed" and event["status"] != "cancelled":
            known.answers[f"{execution_id}:{event['waitpoint']}"] = event.get("data")
        elif kind == "node.reused":
            self._note_reuse(execution_id, known, event)
        elif kind == "child.started":
            known.children.setdefault(event["child_id"], None)
        elif kind == "child.ended":
            self._note_child_end(execution_id, known, event)
        elif kind.startswith("execution.") and kind.rpartition(".")[2] in _TERMINAL:
            known.terminal = kind

    def _note_reuse(self, execution_id: str, known: Durable, event: dict[str, Any]) -> None:
        """A node takes an outcome over that is durable elsewhere (R54)."""
        taken = set(nonces(self.whole([event.get("output"), *event.get("exports", {}).values()])))
        source = self.of(execution_id.removesuffix(AGAIN))
        if not taken <= source.nonces:
            self._violation(f"R54 {execution_id}: {event['instance']} takes over what never was: {taken}")
        known.nonces |= taken
        known.codes |= source.codes  # What chance did to the source, such as a time-out, is taken over as well.
        known.reused.add(event["instance"])

    def _note_start(self, execution_id: str, known: Durable, event: dict[str, Any]) -> None:
        key = (event["instance"], event["attempt"])
        if key in known.started:
            self._violation(f"L2 {execution_id}: {key} started twice in the log")
        if event["instance"] in known.ended:
            self._violation(f"L2 {execution_id}: {key} started after its end")
        if known.finished and not any(instance == key[0] for instance, _ in known.started):
            self._violation(f"R9 {execution_id}: {key} started after the execution was to finish")
        known.started[key] = event.get("epoch", 1)

    def _note_progress(self, execution_id: str, known: Durable, event: dict[str, Any]) -> None:
        match event["type"]:
            case "node.stepped":
                self._note_step(execution_id, known, event)
            case "node.answered" if "error" in event:
                known.codes.add(event["error"]["code"])
            case "node.token":
                self._note_text(execution_id, known, event)
            case "stream.reset":
                known.texts[event["instance"]] = event.get("offset", 0)

    def _note_step(self, execution_id: str, known: Durable, event: dict[str, Any]) -> None:
        """A step leaves what those before it have left, and one entry of its own (R23)."""
        name = f"{execution_id} {event['instance']}#{event['attempt']}"
        done = known.steps.get(event["instance"], [])
        *before, last = [entry["n"] for entry in self.whole(event["journal"])["steps"]]
        if before != done or event["step"] != len(done) + 1:
            self._violation(f"R23 {name}: step {event['step']} follows {before}, although {done} are durable")
        if self.made[last] != (execution_id, event["instance"], event["attempt"]):
            self._violation(f"R35 {name}: {self.made[last]} counts as its step")
        known.steps[event["instance"]] = [*done, last]

    def _note_text(self, execution_id: str, known: Durable, event: dict[str, Any]) -> None:
        """The text of an instance is whole: each piece begins where the last one ended (R33)."""
        instance, end = event["instance"], known.texts.get(event["instance"], 0)
        if event["offset"] != end:
            self._violation(f"R33 {execution_id} {instance}: text at {event['offset']} follows text up to {end}")
        known.texts[instance] = event["offset"] + len(event["text"])

    def _note_end(self, execution_id: str, known: Durable, event: dict[str, Any]) -> None:
        if event["instance"] in known.ended:
            self._violation(f"L2 {execution_id}: {event['instance']} ended twice")
        known.ended[event["instance"]] = event["type"]
        if event["type"] == "node.completed":
            self._note_output(execution_id, known, event)
            known.finished |= event.get("finish", False)
        error = event.get("error") or event.get("handled_error")
        if error is not None:
            known.codes.add(error["code"])

    def _note_child_end(self, execution_id: str, known: Durable, event: dict[str, Any]) -> None:
        """A parent hears of an end once, and only of one that is durable (R19)."""
        child, status = event["child_id"], event["status"]
        if known.children.get(child) is not None:
            self._violation(f"R19 {execution_id}: {child} ended twice for it")
        if self.of(child).terminal != f"execution.{status}" or self.of(child).last_seq != event["last_seq"]:
            self._violation(f"R19 {execution_id}: {child} is said to be {status}, and is {self.of(child).terminal}")
        known.children[child] = status

    def _note_output(self, execution_id: str, known: Durable, event: dict[str, Any]) -> None:
        """A result may rest only on results that are in this log before it: else a stranger's result got in."""
        output = self.whole(event.get("output"))
        for child in known.children:  # A child's outputs are its caller's.
            known.nonces.update(self.of(child).nonces.intersection(nonces(output)))
        if isinstance(output, dict) and "n" in output and output["n"] not in known.nonces:
            strange = [nonce for nonce in output["r"] if nonce not in known.nonces]
            if strange:
                self._violation(f"L2 {execution_id}: {event['instance']} rests on results that never were: {strange}")
            made_in = self.made[output["n"]]
            if made_in != (execution_id, event["instance"], event["attempt"]):
                self._violation(f"R35 {execution_id}: {made_in} counts as {event['instance']}#{event['attempt']}")
            known.nonces.add(output["n"])
        elif strange := [nonce for nonce in nonces(output) if nonce not in known.nonces]:
            self._violation(f"L2 {execution_id}: {event['instance']} returns results that never were: {strange}")


_TERMINAL = frozenset({"completed", "failed", "cancelled", "timed_out", "crashed", "expired"})


def nonces(value: Any) -> list[int]:
    """The nonces of all results inside a value."""
    if isinstance(value, dict):
        if "n" in value:
            return [value["n"]]
        return [nonce for part in value.values() for nonce in nonces(part)]
    return [nonce for part in value for nonce in nonces(part)] if isinstance(value, list) else []
