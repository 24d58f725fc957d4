"""The receiver of callbacks in a chaos run: appends each delivery to a file before it answers. Refuses some of them."""

from __future__ import annotations

import hashlib
import json
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.fakes.loopback import loopback_server

REFUSED = 0.1
"""So often it answers 503: the delivery has arrived, and comes again."""


class Told:
    """What starters of executions were told, each delivery with id, execution, type, status and the body's hash."""

    def __init__(self, file: Path, seed: int) -> None:
        self._file = file
        self._chance = random.Random(f"{seed} told")
        self.url = ""

    async def receive(self, request: Request) -> Response:
        """Note it, then answer."""
        body = await request.body()
        said = json.loads(body)
        kept = {
            "id": request.headers["webhook-id"],
            "hash": hashlib.sha256(body).hexdigest(),
            **{name: said[name] for name in ("execution_id", "type", "status", "seq")},
        }
        with self._file.open("a") as file:
            file.write(json.dumps(kept) + "\n")
        return Response(status_code=503 if self._chance.random() < REFUSED else 200)

    def all(self) -> list[dict[str, Any]]:
        """Every delivery in the order in which they came."""
        return [json.loads(line) for line in self._file.read_text().splitlines()] if self._file.exists() else []


def wrongly_told(execution_id: str, status: str, deliveries: Sequence[dict[str, Any]]) -> Iterator[str]:
    """What is wrong with what was told of an execution that has ended with ``status``: it must be one thing."""
    bodies: dict[str, set[str]] = defaultdict(set)
    for delivery in deliveries:
        bodies[delivery["id"]].add(delivery["hash"])
    if len(bodies) != 1:
        yield f"{execution_id}: it ended {status}, and {len(bodies)} callbacks told of it"
    for callback_id, hashes in bodies.items():
        if len(hashes) > 1:
            yield f"{execution_id}: callback {callback_id} came with {len(hashes)} bodies"
    for said in {(delivery["type"], delivery["status"]) for delivery in deliveries}:
        if said != (f"execution.{status}", status):
            yield f"{execution_id}: it ended {status}; its callback told {said}"


@contextmanager
def told_in(folder: Path, seed: int) -> Iterator[Told]:
    """A receiver on a port of its own that appends to a file in ``folder``."""
    told = Told(folder / "callbacks.jsonl", seed)
    with loopback_server(Starlette(routes=[Route("/told", told.receive, methods=["POST"])])) as url:
        told.url = f"{url}/told"
        yield told
