"""A server under fault: starts and answers that it acknowledged are remembered, kills are proven, laws are checked."""

from __future__ import annotations

import os
import signal
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import httpx
import ray
from ray.exceptions import RayActorError
from sqlalchemy import Engine, select

from flowray.bootstrap import open_engine
from flowray.errors import FlowrayError
from flowray.eventlog.log import RecordedEvent
from flowray.persistence.database.tables import events, executions
from flowray.persistence.sql.reader import SqlReader
from tests.cluster import TERMINAL, FlowrayServer, alive_actors, eventually, is_gone
from tests.durability.effects import Effect, Effects
from tests.durability.invariants import (
    WAITING,
    Event,
    History,
    l1_is_caused,
    l7_stuck,
    l8_left_over,
    violations,
)
from tests.hostile.on_ray import traps_of
from tests.hostile.traps import Traps
from tests.integration.definitions import workflow

LONG_S = 120.0
"""How long a scenario waits for what must happen: a lease, a restart and a sweep take 15 s on a busy machine."""

QUIET_S = 30.0
"""How long after that everything may take to be let go of."""


@dataclass
class Bench:
    """One scenario on one server.

    ``prefix`` is new for each scenario: names of effects begin with it. ``check`` is called when the scenario is over,
    and compares with what was there when it began.
    """

    server: FlowrayServer
    effects: Effects
    database: str
    prefix: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    acked: list[str] = field(default_factory=list)
    answers: dict[str, dict[str, Any]] = field(default_factory=lambda: defaultdict(dict))
    seen: dict[str, dict[int, Event]] = field(default_factory=lambda: defaultdict(dict))
    uncaused: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.engine: Engine = open_engine(self.server.settings)
        self.reader = SqlReader(self.engine)
        self.traps: Traps = traps_of(self.server.settings)
        self.traps.clear()
        self.replicas = [
            httpx.Client(base_url=url, timeout=60) for url in self.server.replica_urls or (self.server.base_url,)
        ]
        self._baseline = eventually(self._resources, LONG_S)
        self.effects.witness = self._witness

    # -- starting and answering -------------------------------------------------------------------------------------

    def start(self, definition: dict[str, Any], inputs: dict[str, Any] | None = None, **options: Any) -> str:
        """Start an inline definition; its id. What is acknowledged here must end or wait."""
        body = {"definition": definition, "inputs": inputs or {}, "options": options}
        answer = self.replicas[0].post("/v1/executions", json=body)
        assert answer.status_code in (200, 202), answer.text
        return self.ack(answer.json()["id"])

    def ack(self, execution_id: str) -> str:
        """Somebody was told that this execution exists."""
        if execution_id not in self.acked:
            self.acked.append(execution_id)
        return execution_id

    def complete(self, token: str, data: Any, replica: int = 0) -> dict[str, Any]:
        """Answer a waitpoint; the acknowledgement is a promise."""
        waitpoint = self.replicas[replica].get(f"/v1/waitpoints/{token}").json()
        answer = self.replicas[replica].post(f"/v1/waitpoints/{token}/complete", json={"data": data})
        assert answer.status_code == 200, answer.text
        kept: dict[str, Any] = answer.json()
        self.answers[waitpoint["execution_id"]][waitpoint["waitpoint_id"]] = kept["data"]
        return kept

    def cancel(self, execution_id: str) -> None:
        """Ask for a cancellation; it is acknowledged."""
        answer = self.replicas[0].post(f"/v1/executions/{execution_id}/cancel")
        assert answer.status_code in (200, 202), answer.text

    # -- looking ----------------------------------------------------------------------------------------------------

    def get(self, execution_id: str, replica: int = 0) -> dict[str, Any]:
        """The execution as the API shows it."""
        found: dict[str, Any] = self.replicas[replica].get(f"/v1/executions/{execution_id}").json()
        return found

    def events(self, execution_id: str, replica: int = 0) -> list[Event]:
        """Its whole log; remembered, for it must stay as it is."""
        found: list[Event] = []
        while True:
            answer = self.replicas[replica].get(
                f"/v1/executions/{execution_id}/events",
                params={"after": found[-1]["seq"] if found else 0},
                headers={"Accept": "application/json"},
            )
            page = answer.json().get("data", []) if answer.status_code == 200 else []
            if not page:
                break
            found.extend(page)
        for event in found:
            self.seen[execution_id].setdefault(event["seq"], event)
        return found

    def of_type(self, execution_id: str, *types: str, instance: str | None = None) -> list[Event]:
        """Its events of some types, of one instance or of all."""
        return [
            event
            for event in self.events(execution_id)
            if event["type"] in types and instance in (None, event.get("instance"))
        ]

    def tokens(self, execution_id: str) -> dict[str, str]:
        """Tokens of the open waitpoints, by node instance."""
        return {entry["instance"]: entry["token"] for entry in self.get(execution_id)["waiting_for"] if entry["token"]}

    def row(self, execution_id: str) -> Any:
        """The execution's row: epoch, owner, …"""
        with self.engine.connect() as connection:
            return connection.execute(select(executions).where(executions.c.id == execution_id)).one_or_none()

    def until(self, probe: Callable[[], Any], wait: float = LONG_S) -> Any:
        """What ``probe`` finds, as soon as that is something."""
        return eventually(probe, wait)

    def until_completed(self, execution_id: str, *instances: str) -> None:
        """Return once these instances have a committed output."""
        self.until(lambda: set(instances) <= {e["instance"] for e in self.of_type(execution_id, "node.completed")})

    def until_called(self, name: str, times: int = 1) -> list[Effect]:
        """Return once an effect of this scenario was had so often; the calls."""
        found: list[Effect] = self.until(lambda: calls if len(calls := self.calls(name)) >= times else None)
        return found

    def calls(self, name: str) -> list[Effect]:
        """The calls of one effect of this scenario."""
        return self.effects.of(f"{self.prefix}-{name}")

    def finished(self, execution_id: str, status: str | None = "completed", wait: float = LONG_S) -> dict[str, Any]:
        """The execution once it has ended, with ``status`` unless that is None."""
        done: dict[str, Any] = self.until(
            lambda: found if (found := self.get(execution_id))["status"] in TERMINAL else None, wait
        )
        assert status in (None, done["status"]), done
        return done

    # -- workflows --------------------------------------------------------------------------------------------------

    def effect(self, name: str, *, policy: dict[str, Any] | None = None, **asked: Any) -> dict[str, Any]:
        """An http node that has the effect ``name`` of this scenario; ``asked`` as in ``Effects.url``."""
        config = {"method": "POST", "failOnStatus": True, "url": self.effects.url(f"{self.prefix}-{name}", **asked)}
        return {"type": "http", "config": config, **(policy or {})}

    def chain(self, *names: str, gates: Sequence[str] = (), **more: Any) -> dict[str, Any]:
        """in → one effect after another → out, which says the last one's name. ``gates``: effects that wait for
        ``open``.
        """
        nodes: dict[str, Any] = {"in": {"type": "input", "config": {"inputName": "x"}}}
        nodes |= {name: self.effect(name, gate=self.gate(name) if name in gates else "") for name in names}
        nodes["out"] = {"type": "output", "config": {"outputName": "y", "value": f"{{{{{names[-1]}.data.name}}}}"}}
        ids = list(nodes)
        return workflow("chain", nodes, list(pairwise(ids)), **more)

    def gate(self, name: str) -> str:
        """A gate of this scenario."""
        return f"{self.prefix}-{name}"

    def open(self, name: str) -> None:
        """Open a gate of this scenario."""
        self.effects.open(self.gate(name))

    # -- faults -----------------------------------------------------------------------------------------------------

    def kill(self, *prefixes: str) -> None:
        """SIGKILL the actors whose names begin so, all at once; their death is asserted."""
        self._kill([self.pid(prefix) for prefix in prefixes])

    def kill_owner(self, execution_id: str, *prefixes: str) -> int:
        """SIGKILL whoever owns an execution, by the pid that the database names, and with it the actors whose names
        begin so; returns the epoch it had.
        """
        owner_id, epoch = self.until(lambda: (row := self.row(execution_id)).owner_id and (row.owner_id, row.epoch))
        pid = next(owner.pid for owner in self.reader.owners() if owner.id == owner_id)
        self._kill([pid, *(self.pid(prefix) for prefix in prefixes)])
        return int(epoch)

    def pid(self, prefix: str) -> int:
        """The process of the actor whose name begins so, asked from itself; of one that has just died, its next one."""

        def asked() -> int | None:
            try:
                return self.server.pid(prefix)
            except RayActorError:
                return None

        return int(self.until(asked))

    @staticmethod
    def _kill(pids: Sequence[int]) -> None:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: all(is_gone(pid) for pid in pids), LONG_S)

    def until_recovered(self, execution_id: str, epoch: int) -> None:
        """Return once somebody has written under a higher epoch than that."""
        self.until(lambda: any(found > epoch for found in self.epochs(execution_id)))

    def epochs(self, execution_id: str) -> list[int]:
        """Of every commit of an execution, in order."""
        with self.engine.connect() as connection:
            chosen = select(events.c.epoch).where(events.c.execution_id == execution_id).order_by(events.c.last_seq)
            return list(connection.execute(chosen).scalars())

    # -- checking ---------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """The invariants and laws, for every execution that was acknowledged, and for the server."""
        for execution_id in self.acked:
            self.until(lambda its_id=execution_id: self._is_quiet(its_id))
        found = list(self.uncaused)
        for execution_id in self.acked:
            found += violations(self.history(execution_id))
        assert not found, "\n".join(found)
        self._nothing_is_stuck()
        self._nothing_is_left()

    def history(self, execution_id: str) -> History:
        """What is to be judged of one execution."""
        answer = self.replicas[0].get(f"/v1/executions/{execution_id}")
        return History(
            id=execution_id,
            execution=answer.json() if answer.status_code == 200 else None,
            logs=[self.events(execution_id, number) for number in range(len(self.replicas))],
            seen=self.seen[execution_id],
            epochs=self.epochs(execution_id),
            effects=[effect for effect in self.effects.all() if effect.execution_id == execution_id],
            answers=self.answers[execution_id],
        )

    def _log(self, execution_id: str) -> list[RecordedEvent] | None:
        """None while the database is away."""
        try:
            return self.reader.events.read(execution_id, 0, 100_000)
        except FlowrayError:
            return None

    def close(self) -> None:
        """End what the scenario has left waiting, and let go of the server."""
        self.effects.witness = None
        self.traps.clear()
        with ExitStack() as stack:
            for client in self.replicas:
                stack.callback(client.close)
            for execution_id in self.acked:
                if self.get(execution_id).get("status") not in TERMINAL:
                    self.replicas[0].post(f"/v1/executions/{execution_id}/cancel")  # It may be ending by itself.

    def _is_quiet(self, execution_id: str) -> bool:
        return self.get(execution_id)["status"] in {*TERMINAL, *WAITING, "queued", "delayed"}

    def _nothing_is_stuck(self) -> None:
        """Between two commits anything may look stuck: only what stays so is."""
        try:
            self.until(lambda: not self._stuck(), QUIET_S)
        except AssertionError:
            raise AssertionError("\n".join(self._stuck())) from None

    def _stuck(self) -> list[str]:
        ours = tuple(f"{execution_id}:" for execution_id in self.acked)
        return [wrong for wrong in l7_stuck(self.engine, self.reader.now_ms()) if wrong.startswith(ours)]

    def _nothing_is_left(self) -> None:
        left: list[str] = []

        def is_back() -> bool:
            found = self._resources()
            left[:] = ["L8: an actor does not answer"] if found is None else l8_left_over(self._baseline, found)
            return not left

        try:
            self.until(is_back, QUIET_S)
        except AssertionError:
            raise AssertionError("\n".join(left)) from None

    def _resources(self) -> dict[str, Any] | None:
        """What must be back where it was: actors, attempts under way, values kept, half-written files. None while an
        actor is being restarted.
        """
        namespace = self.server.config.namespace
        actors = {actor.name for actor in alive_actors() if actor.ray_namespace == namespace}
        lanes = [actor for name, actor in self.server.actors.items() if name.startswith("io-lane")]
        # It comes with the first long task, and leaves after minutes without any.
        brokers = {name for name in actors if name.startswith("task-broker")}
        try:
            lanes += [ray.get_actor(name, namespace=namespace) for name in brokers]
            hub = ray.get(self.server.actor("hub").store_statistics.remote(), timeout=60)
            facts = ray.get([lane.facts.remote() for lane in lanes], timeout=60)
        except RayActorError:
            return None
        return {
            # Those that belong there may be restarting when a scenario begins.
            "actors": actors - set(self.server.actors) - brokers,
            "attempts under way": sum(lane["in_flight"] for lane in facts),
            "values in the context store": hub["values"],
            "half-written files": sorted(path.name for path in self.server.settings.state_dir.rglob(".new-*")),
        }

    def _witness(self, effect: Effect) -> None:
        """L1, at the moment of each effect of this scenario."""
        if not effect.name.startswith(self.prefix) or not effect.key:
            return
        log = self.until(lambda: self._log(effect.execution_id))
        now = [{"type": event.type, **event.body} for event in log]
        wrong = l1_is_caused(effect, now)
        if wrong is not None:
            self.uncaused.append(wrong)
