"""R41: several servers on one PostgreSQL share work, tell each other, and take over from one that is gone.

Whole servers, by the command that people use, or several on one Ray cluster: only with FLOWRAY_ACCEPTANCE_FULL=1.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from flowray.runtime.on_ray.cluster import kill_actors
from flowray.runtime.on_ray.session import RaySession
from tests.cluster import TERMINAL, alive_actors, eventually, is_gone
from tests.databases import postgres_database
from tests.durability.bench import LONG_S
from tests.durability.conftest import small_server
from tests.durability.effects import Effects
from tests.durability.test_ray_dies import below
from tests.integration.definitions import workflow
from tests.integration.test_command_line import serving

pytestmark = [
    pytest.mark.ray,
    pytest.mark.postgres,
    pytest.mark.timeout(300),
    pytest.mark.skipif(os.environ.get("FLOWRAY_ACCEPTANCE_FULL") != "1", reason="starts several servers"),
]


def chain(effects: Effects, prefix: str, gate: str) -> dict[str, Any]:
    """in → first → second, which waits for the gate → out."""
    nodes: dict[str, Any] = {"in": {"type": "input", "config": {"inputName": "x"}}}
    for name, held in (("first", ""), ("second", gate)):
        url = effects.url(f"{prefix}-{name}", gate=held)
        nodes[name] = {"type": "http", "config": {"method": "POST", "failOnStatus": True, "url": url}}
    nodes["out"] = {"type": "output", "config": {"outputName": "y", "value": "{{second.data.name}}"}}
    ids = list(nodes)
    return workflow("shared", nodes, [(ids[number], ids[number + 1]) for number in range(3)])


def ended(http: httpx.Client, its_id: str) -> dict[str, Any]:
    """The execution once it has ended, by one server's API."""
    found: dict[str, Any] = eventually(
        lambda: body if (body := http.get(f"/v1/executions/{its_id}").json())["status"] in TERMINAL else None, LONG_S
    )
    return found


def start(http: httpx.Client, definition: dict[str, Any]) -> str:
    answer = http.post("/v1/executions", json={"definition": definition})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def test_r41_another_server_takes_over_from_one_that_is_gone(tmp_path: Path, effects: Effects) -> None:
    """Two Rays, one database. A request at one server reaches the owner at the other."""
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    with (
        postgres_database() as database,
        serving(folders[0], "--no-dashboard", "--database", database) as (first, first_url),
        serving(folders[1], "--no-dashboard", "--database", database) as (_, second_url),
        httpx.Client(base_url=first_url, timeout=30) as here,
        httpx.Client(base_url=second_url, timeout=30) as there,
    ):
        kept, cancelled = (start(here, chain(effects, name, f"{name}-gate")) for name in ("kept", "cancelled"))
        for name in ("kept", "cancelled"):
            eventually(lambda name=name: effects.of(f"{name}-second"), LONG_S)
        assert there.post(f"/v1/executions/{cancelled}/cancel").status_code == 202
        assert ended(there, cancelled)["status"] == "cancelled"
        victims = [pid for pid in below(first.pid) if pid]
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: all(is_gone(pid) for pid in victims), LONG_S)
        effects.open("kept-gate")
        done = ended(there, kept)
        assert (done["status"], done["outputs"], done["recoveries"]) == ("completed", {"y": "kept-second"}, 1)
        assert len(effects.of("kept-first")) == 1
        assert {effect.key for effect in effects.of("kept-second")} == {f"{kept}:second:1"}


def test_r41_two_servers_are_guests_of_one_cluster(ray_cluster: RaySession, llm: str, effects: Effects) -> None:
    """Their actors have the same names in namespaces of their own; what one leaves behind the other takes."""
    with (
        postgres_database() as database,
        small_server(ray_cluster, llm, database, server_name="one") as one,
        small_server(ray_cluster, llm, database, server_name="two") as two,
    ):
        assert one.config.namespace != two.config.namespace
        assert one.config.instance == two.config.instance
        assert set(one.actors) == set(two.actors)
        its_id = start(one.http, chain(effects, "guest", "guest-gate"))
        eventually(lambda: effects.of("guest-second"), LONG_S)
        kill_actors(one.config)
        living = {actor.ray_namespace for actor in alive_actors()}
        assert two.config.namespace in living
        effects.open("guest-gate")
        done = ended(two.http, its_id)
        assert (done["status"], done["recoveries"]) == ("completed", 1)
        assert len(effects.of("guest-first")) == 1
