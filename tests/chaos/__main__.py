"""``python -m tests.chaos --minutes M --database sqlite|postgresql``: prints seed, counts and violations.

Clients start, stream, pause, answer, cancel; a nemesis kills and freezes processes; then a quiet phase in which
everything must finish. Exit code 0 without a violation.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine

from flowray.client import Client
from flowray.handlers.providers.fake_openai import create_fake_openai
from flowray.persistence.database.engine import open_database
from tests.chaos.asked import Asked
from tests.chaos.clients import Clients
from tests.chaos.judging import Judge
from tests.chaos.leftovers import left_over, wait_until_gone
from tests.chaos.nemesis import WEIGHTS, Nemesis
from tests.chaos.sabotaging import sabotaged
from tests.chaos.standing import Standing
from tests.chaos.target import Instance, Postgres
from tests.chaos.told import Told, told_in
from tests.chaos.witness import Witness
from tests.durability.effects import Effects, receiving
from tests.fakes.loopback import loopback_server
from tests.hostile.sabotages import SABOTAGES

SHOWN = 50


@dataclass
class Run:
    """One run: what it was asked to do, where its evidence is, and what it has found."""

    chosen: argparse.Namespace
    folder: Path
    begun: float = field(default_factory=time.monotonic)
    found: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        """A line with the time."""
        print(f"[{time.monotonic() - self.begun:7.1f}] {text}", flush=True)

    def play(self, effects: Effects, told: Told, llm_url: str, postgres: Postgres | None) -> None:
        """Faults, then quiet, then the judgement."""
        chosen = self.chosen
        sabotage = sabotaged(self.folder / "sabotage", chosen.sabotage) if chosen.sabotage else {}
        instance = Instance(llm_url, postgres.url if postgres else None, self.folder / "serve.log", sabotage)
        with ExitStack() as stack:
            stack.callback(instance.stop)
            instance.start()
            self.say(f"ready at {instance.url}")
            engine = open_database(instance.database_url)
            stack.callback(engine.dispose)
            witness = effects.witness = Witness(engine)
            standing = Standing(instance.url)
            stack.callback(standing.close)
            standing.set_up(effects)
            clients = Clients(instance.url, effects, told, chosen.seed, chosen.clients, chosen.pause)
            nemesis = Nemesis(instance, postgres, chosen.seed, chosen.every, self.say, frozenset(chosen.victims))
            clients.start()
            nemesis.start()
            stack.callback(nemesis.stop)
            time.sleep(chosen.minutes * 60)
            nemesis.calm()
            self.say("quiet phase")
            instance.wait_ready(chosen.quiet)
            waiting = clients.stop(chosen.quiet)
            standing.stop(chosen.quiet)
            asked = [*clients.asked, *standing.asked()]
            self._judge(instance.url, engine, asked, effects, told)
            self.found += [*clients.broken, *standing.violations(), *witness.uncaused]
            if waiting:
                self.found.append(f"I6: {waiting} clients never came back from their stream or question")
        kinds = Counter(one.kind for one in asked)
        self.say(f"{len(asked)} executions acknowledged: {dict(sorted(kinds.items()))}")
        self.say(f"faults: {dict(sorted(nemesis.done.items()))}; serve started again from outside: {instance.restarts}")
        self.say(
            f"effects: {len(effects.all())} ({witness.looked} compared with the log, {witness.blind} without database)"
        )
        self.say(f"callbacks: {len(told.all())}; clients told: {dict(clients.refused)}")
        for words in clients.last_words:
            self.say(f"told {words[:300]}")

    def _judge(self, url: str, engine: Engine, asked: list[Asked], effects: Effects, told: Told) -> None:
        quiet_s = self.chosen.quiet
        with closing(Client(url, timeout_s=60)) as client:
            waiter = Judge(url, engine, [], [])
            left = waiter.wait_until_quiet(asked, quiet_s, self.say)
            waiter.close()
            self.found += [f"I6: {one.kind} {one.id} has not ended" for one in left]
            self.found += wait_until_gone(lambda: left_over(client, engine), quiet_s, self.say)
        judge = Judge(url, engine, effects.all(), told.all())
        self.found += judge.judge(asked)
        judge.close()


def main() -> int:
    """Run once; returns the exit code."""
    chosen = _options().parse_args()
    run = Run(chosen, Path(tempfile.mkdtemp(prefix="flowray-chaos-")))
    run.say(f"chaos: {chosen.minutes:g} min on {chosen.database}, seed {chosen.seed}, evidence in {run.folder}")
    with (
        loopback_server(create_fake_openai()) as llm_url,
        receiving(run.folder) as effects,
        told_in(run.folder, chosen.seed) as told,
        ExitStack() as stack,
    ):
        postgres = Postgres(run.folder / "pg") if chosen.database == "postgresql" else None
        if postgres is not None:
            stack.callback(postgres.stop)
        run.play(effects, told, llm_url, postgres)
    for violation in run.found[:SHOWN]:
        run.say(f"VIOLATION {violation[:400]}")
    run.say(f"{len(run.found)} violations (seed {chosen.seed})")
    return 1 if run.found else 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two starts of a client, on average")
    parser.add_argument("--every", type=float, default=8.0, help="seconds between two faults, on average")
    parser.add_argument("--quiet", type=float, default=900.0, help="seconds that the quiet phase may take at most")
    parser.add_argument("--victims", nargs="+", choices=sorted(WEIGHTS), default=sorted(WEIGHTS))
    parser.add_argument("--sabotage", choices=sorted(SABOTAGES), help="switch a promise off: the run must notice")
    return parser


if __name__ == "__main__":
    sys.exit(main())
