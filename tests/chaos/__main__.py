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
from pathlib import Path

from flowray.handlers.providers.fake_openai import create_fake_openai
from tests.chaos.clients import Clients
from tests.chaos.judging import Judge
from tests.chaos.nemesis import WEIGHTS, Nemesis
from tests.chaos.target import Instance, Postgres
from tests.durability.effects import receiving
from tests.fakes.loopback import loopback_server

QUIET_S = 300.0
SHOWN = 50


def main() -> int:
    """Run once; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two starts of a client, on average")
    parser.add_argument("--every", type=float, default=8.0, help="seconds between two faults, on average")
    parser.add_argument("--victims", nargs="+", choices=sorted(WEIGHTS), default=sorted(WEIGHTS))
    chosen = parser.parse_args()
    begun = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - begun:7.1f}] {text}", flush=True)

    folder = Path(tempfile.mkdtemp(prefix="flowray-chaos-"))
    say(f"chaos: {chosen.minutes:g} min on {chosen.database}, seed {chosen.seed}, evidence in {folder}")
    postgres = Postgres(folder / "pg") if chosen.database == "postgresql" else None
    with loopback_server(create_fake_openai()) as llm_url, receiving(folder) as effects:
        instance = Instance(llm_url, postgres.url if postgres else None, folder / "serve.log")
        try:
            instance.start()
            say(f"ready at {instance.url}")
            clients = Clients(instance.url, effects, chosen.seed, chosen.clients, chosen.pause)
            nemesis = Nemesis(instance, postgres, chosen.seed, chosen.every, say, frozenset(chosen.victims))
            clients.start()
            nemesis.start()
            time.sleep(chosen.minutes * 60)
            nemesis.stop()
            say("quiet phase")
            instance.wait_ready(QUIET_S, instance.ensure)
            waiting = clients.stop(QUIET_S)
            judge = Judge(instance.url, instance.database_url, effects.all())
            left = judge.wait_until_quiet(clients.asked, QUIET_S, say)
            found = list(judge.judge(clients.asked))
            found += clients.broken
            found += [f"I6: {one.kind} {one.id} has not ended" for one in left]
            if waiting:
                found.append(f"I6: {waiting} clients never came back from their stream or question")
            judge.close()
        finally:
            instance.stop()
            if postgres is not None:
                postgres.stop()
    kinds = Counter(one.kind for one in clients.asked)
    say(f"{len(clients.asked)} executions acknowledged: {dict(sorted(kinds.items()))}")
    say(f"faults: {dict(sorted(nemesis.done.items()))}; serve started again from outside: {instance.restarts}")
    say(f"effects: {len(effects.all())}; clients told: {dict(clients.refused)}")
    for words in clients.last_words:
        say(f"told {words[:300]}")
    for violation in found[:SHOWN]:
        say(f"VIOLATION {violation[:400]}")
    say(f"{len(found)} violations (seed {chosen.seed})")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
