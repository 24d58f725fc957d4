"""C, 37 and 38: Ray itself dies. ``flowray serve`` starts it again, and the executions go on from the database.

Each starts servers of its own, by the command that people use: only with FLOWRAY_ACCEPTANCE_FULL=1.
"""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
from pathlib import Path

import httpx
import pytest

from flowray.bootstrap import open_engine
from flowray.persistence.sql.reader import SqlReader
from flowray.settings import Settings
from tests.cluster import TERMINAL, eventually, is_gone
from tests.durability.effects import Effects
from tests.integration.definitions import workflow
from tests.integration.test_command_line import serving

pytestmark = [
    pytest.mark.ray,
    pytest.mark.timeout(300),
    pytest.mark.skipif(os.environ.get("FLOWRAY_ACCEPTANCE_FULL") != "1", reason="starts and kills whole Rays"),
]

AGAIN_S = 120.0


def below(pid: int) -> dict[int, str]:
    """The processes that descend from ``pid``, with their names."""
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid=,comm="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()]
    found = {pid: ""}
    for _ in rows:
        more = {int(row[0]): row[2] for row in rows if int(row[1]) in found and int(row[0]) not in found}
        if not more:
            break
        found |= more
    return found


def one_below(pid: int, name: str) -> int:
    """The one process of that name below ``pid``."""
    (found,) = [its_pid for its_pid, its_name in below(pid).items() if its_name.startswith(name)]
    return found


@pytest.mark.parametrize("victim", ["raylet", "gcs_server"])
def test_s37_s38_executions_go_on_when_ray_has_died(tmp_path: Path, effects: Effects, victim: str) -> None:
    """One owner at a time: its epoch decides, whatever of the old Ray lives on for a while (38)."""
    names = ("before", "during", "after")
    gate = f"{victim}-gate"
    nodes = {"in": {"type": "input", "config": {"inputName": "x"}}}
    nodes |= {
        name: {"type": "http", "config": {"method": "POST", "failOnStatus": True, "url": effects.url(
            f"{victim}-{name}", gate=gate if name == "during" else "")}}
        for name in names
    }  # fmt: skip
    nodes["out"] = {"type": "output", "config": {"outputName": "y", "value": "{{after.data.name}}"}}
    ids = list(nodes)
    definition = workflow("survivor", nodes, list(itertools.pairwise(ids)))
    with serving(tmp_path, "--no-dashboard") as (process, url), httpx.Client(base_url=url, timeout=30) as http:
        its_id = http.post("/v1/executions", json={"definition": definition}).json()["id"]
        eventually(lambda: effects.of(f"{victim}-during"), AGAIN_S)
        ours = below(process.pid)
        pid = one_below(process.pid, victim)
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: is_gone(pid) and not set(ours) - {process.pid} & set(below(process.pid)), AGAIN_S)
        eventually(lambda: len(effects.of(f"{victim}-during")) == 2, AGAIN_S)
        effects.open(gate)

        def ended() -> object:
            body = http.get(f"/v1/executions/{its_id}").json()
            return body if body["status"] in TERMINAL else None

        done = eventually(ended, AGAIN_S)
        assert (done["status"], done["outputs"]) == ("completed", {"y": f"{victim}-after"})
        assert done["recoveries"] == 1
        assert [len(effects.of(f"{victim}-{name}")) for name in ("before", "after")] == [1, 1]
        assert {effect.key for effect in effects.of(f"{victim}-during")} == {f"{its_id}:during:1"}
        reader = SqlReader(open_engine(Settings(state_dir=tmp_path / "state")))
        seqs = [event.seq for event in reader.events.read(its_id)]
        assert seqs == list(range(1, len(seqs) + 1))
        left = below(process.pid)
        process.terminate()
        assert process.wait(60) == 0
    eventually(lambda: all(is_gone(its_pid) for its_pid in left), 60)
