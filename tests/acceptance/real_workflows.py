"""Real workflows made ready to run here: public hosts become the local server, days of waiting become moments, and what
a definition leaves out is added by the reviewed table ``real_workflows.json``. Runs nothing itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.acceptance.real_inputs import inputs_for
from tests.corpus import CORPUS

TABLE: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "real_workflows.json").read_text("utf-8"))
"""By file: ``inputs`` (over those that are made), ``set`` (of node configs), ``replies`` (of the model), ``reason``."""

TIERS = "ABC"
A_MOMENT = {"waitType": "duration", "duration": 1, "unit": "ms"}
HOSTS = re.compile(r"https?://(?!127\.0\.0\.1)([\w.-]+\.[a-z]{2,})(?=[/\"?{]|$)")
WAITS = ("wait", "delay", "sleep")


@dataclass(frozen=True)
class RealWorkflow:
    """One file, ready: its definition in FlowMaestro's format, its inputs, and what was changed in it to run here."""

    file: str
    tier: str
    definition: dict[str, Any]
    inputs: dict[str, Any]
    changed: tuple[str, ...] = field(default=())


def real_workflows(world: str) -> Iterator[RealWorkflow]:
    """All of tiers A, B and C, in the order of the index. ``world``: base URL of the local server."""
    assert CORPUS is not None
    folder = CORPUS / "flowmaestro"
    for row in json.loads((folder / "index.json").read_text(encoding="utf-8")):
        if row["tier"] in TIERS:
            document = json.loads((folder / "workflows" / row["file"]).read_text(encoding="utf-8"))
            yield prepared(row["file"], row["tier"], document["definition"], world)


def prepared(file: str, tier: str, definition: dict[str, Any], world: str) -> RealWorkflow:
    """The definition as it can run here."""
    added = TABLE.get(file, {})
    changed: list[str] = []
    definition = localized(definition, world)
    for node_id, node in definition["nodes"].items():
        config: dict[str, Any] = node["config"]
        if node["type"] in WAITS and config.get("waitType") != "webhook":
            kept = {key: value for key, value in config.items() if key == "outputVariable"}
            node["config"] = {**A_MOMENT, **kept}
            changed.append(f"{node_id}: waits a moment")
    for node_id, changes in added.get("set", {}).items():
        definition["nodes"][node_id]["config"].update(localized(changes, world))
        changed.append(f"{node_id}: {', '.join(sorted(changes))}")
    inputs = {**inputs_for(definition), **localized(added.get("inputs", {}), world)}
    return RealWorkflow(file, tier, definition, inputs, tuple(changed))


def localized(value: Any, world: str) -> Any:
    """``value`` with every public host replaced by the local server, which gets the host's name in the path."""
    text = HOSTS.sub(lambda match: f"{world}/at/{match.group(1)}", json.dumps(value))
    return json.loads(text.replace("{world}", world))


def answers(expected: Mapping[str, Any] | None) -> Any:
    """What a person answers at a waitpoint with this schema: a yes to what is asked."""
    return {"approved": True} if expected is None else expected
