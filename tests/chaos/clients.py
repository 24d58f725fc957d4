"""The clients of a chaos run: threads that start executions of every kind and note what they were promised."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections import Counter, deque

from flowray.client import Client
from flowray.client.retrying import RetryPolicy
from flowray.errors import ErrorCode, FlowrayError
from tests.chaos.asked import Asked, Start
from tests.chaos.told import Told
from tests.chaos.workloads import WORKLOADS, Workload
from tests.durability.effects import Effects

PATIENCE = RetryPolicy(max_attempts=60, max_s=2.0)
"""Long enough for Ray to be started again; a start that is given up was not acknowledged and is not judged."""


class Clients:
    """``asked`` are all acknowledged starts; ``refused`` counts by error code what clients were told instead.
    ``last_words`` are the latest of these in full; ``broken`` is what should never have reached a caller.
    """

    def __init__(self, url: str, effects: Effects, told: Told, seed: int, count: int, pause_s: float) -> None:
        self._url = url
        self._effects = effects
        self._told = told
        self._pause_s = pause_s
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self.asked: list[Asked] = []
        self.refused: Counter[str] = Counter()
        self.broken: list[str] = []
        self.last_words: deque[str] = deque(maxlen=20)
        self._threads = [
            threading.Thread(target=self._run, args=(random.Random(f"{seed} client {number}"),), daemon=True)
            for number in range(count)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self, patience_s: float) -> int:
        """Start nothing new; returns how many clients still wait for something after ``patience_s``."""
        self._stopped.set()
        deadline = time.monotonic() + patience_s
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))
        return sum(thread.is_alive() for thread in self._threads)

    def _run(self, chance: random.Random) -> None:
        with Client(self._url, retry=PATIENCE, timeout_s=15) as client:
            while not self._stopped.is_set():
                try:
                    self._once(client, chance.choice(WORKLOADS), chance)
                except Exception as error:  # whatever the client library raises beside its coded errors
                    self.broken.append(f"the client broke with {type(error).__name__}: {error}")
                time.sleep(chance.uniform(0, 2 * self._pause_s))

    def _once(self, client: Client, workload: Workload, chance: random.Random) -> None:
        prefix = uuid.UUID(int=chance.getrandbits(128)).hex[:12]
        options = {"labels": {"run": prefix}, **workload.options(chance)}
        if workload.calls_back:
            options["callback_url"] = self._told.url
        start = Start(workload.definition(self._effects, prefix), options, prefix)
        try:
            together = self._start(client, workload, start)
            if together:
                workload.behave(client, together[0], chance)
        except FlowrayError as error:
            if error.code is not ErrorCode.EXECUTION_ENDED:  # else it was quicker than its client
                self._was_told(workload, error)

    def _start(self, client: Client, workload: Workload, start: Start) -> list[Asked]:
        """All that was acknowledged, also if one of several starts was not."""
        together: list[Asked] = []
        outputs = workload.outputs(start.key) if workload.outputs is not None else None
        try:
            for its_id in workload.start(client, start):
                asked = Asked(its_id, workload.kind, start.key, set(workload.may_end), outputs, start.options)
                asked.together = together
                together.append(asked)
            if len(together) != workload.count:
                self.broken.append(f"{workload.kind} {start.key}: started {[one.id for one in together]}")
        except FlowrayError as error:
            self._was_told(workload, error)
        with self._lock:
            self.asked += together
        return together

    def _was_told(self, workload: Workload, error: FlowrayError) -> None:
        with self._lock:
            self.refused[f"{workload.kind}: {error.code.value} {error.details.get('status', '')}".strip()] += 1
            self.last_words.append(f"{workload.kind}: {error}")
