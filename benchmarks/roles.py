"""The processes of a flowray server on Ray among the children of this one, and what they take. Knows no workloads."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from benchmarks.measuring import descendants

ROLES = {
    "ray::Hub": "hub",
    "ray::OrchestratorActor": "orchestrator",
    "ray::IoLane": "io lane",
    "ray::ServeReplica": "replica",
    "ray::ProxyActor": "proxy",
    "gcs_server": "GCS (Ray's own)",
}
"""By what the title of a process begins with. The executable of HAProxy is found by its name."""

_TICKS = os.sysconf("SC_CLK_TCK")


def roles() -> dict[str, list[int]]:
    """Role to process ids. To be asked while nothing runs: an actor's process is called like what it is running."""
    found: dict[str, list[int]] = {}
    for process in descendants(os.getpid()):
        command = Path(f"/proc/{process}/cmdline").read_text()
        executable = command.partition("\0")[0].rpartition("/")[2]
        for title, role in ROLES.items():
            if title in command:
                found.setdefault(role, []).append(process)
        if executable == "haproxy":
            found.setdefault("proxy", []).append(process)
    return found


def processor_seconds(processes: Mapping[str, list[int]]) -> dict[str, float]:
    """What each role has worked since its processes began; those that have ended count as nothing."""
    return {role: sum(map(_worked, pids)) for role, pids in processes.items()}


def _worked(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS
