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

from tests.acceptance.real_inputs import URL, file_of, inputs_for, replies_for
from tests.corpus import CORPUS

TABLE: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "real_workflows.json").read_text("utf-8"))
"""By file: ``inputs`` (over those that are made), ``set`` (of node configs), ``replies`` (of the model), and why it
``cannot`` complete."""

RESULTS = Path(__file__).parent / "real_results.json"
TIERS = "ABC"
A_MOMENT = {"waitType": "duration", "duration": 1, "unit": "ms"}
HOSTS = re.compile(r"https?://(?!127\.0\.0\.1)([\w.-]+\.[a-z]{2,})(?=[/\"?{]|$)")
URLS = re.compile(r"^(websiteUrl|postUrl|companyWebsite|competitor\.website|vendorInfo\.website|url)$")
"""What ``url`` nodes read that is among the inputs."""

KNOWLEDGE_BASE = "orchards"
"""The one that is there."""

WAITS = ("wait", "delay", "sleep")
MOCKED = ("test-definition",)
"""Kinds of files whose nodes were played by mocks: some have configs that no handler was meant to read."""

OPERATIONS = frozenset(
    {"map", "filter", "reduce", "sort", "merge", "extract", "custom", "parseXML", "parseJSON", "passthrough"}
)


@dataclass(frozen=True)
class RealWorkflow:
    """One file, ready: its definition in FlowMaestro's format, its inputs, and what was changed in it to run here."""

    file: str
    tier: str
    definition: dict[str, Any]
    inputs: dict[str, Any]
    replies: dict[str, str] = field(default_factory=dict)
    changed: tuple[str, ...] = field(default=())


Summary = dict[str, Any]
"""What became of one: ``tier``, ``status``, nodes ``executed``, ``skipped``, ``failed`` (codes), and ``changed``."""


def kept() -> dict[str, Summary]:
    """What became of each, by file, the last time that ``real_results`` ran them."""
    found: dict[str, Summary] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return found


def real_workflows(world: str) -> Iterator[RealWorkflow]:
    """All of tiers A, B and C, in the order of the index. ``world``: base URL of the local server."""
    assert CORPUS is not None
    folder = CORPUS / "flowmaestro"
    for row in json.loads((folder / "index.json").read_text(encoding="utf-8")):
        if row["tier"] in TIERS:
            document = json.loads((folder / "workflows" / row["file"]).read_text(encoding="utf-8"))
            yield prepared(row, document["definition"], world)


def prepared(row: Mapping[str, Any], definition: dict[str, Any], world: str) -> RealWorkflow:
    """The definition as it can run here. ``row`` is its file's in the index."""
    file, tier = row["file"], row["tier"]
    added = TABLE.get(file, {})
    changed: list[str] = []
    definition = localized(definition, world)
    for node_id, node in definition["nodes"].items():
        config: dict[str, Any] = node["config"]
        if node["type"] in WAITS and config.get("waitType") != "webhook":
            kept = {key: value for key, value in config.items() if key == "outputVariable"}
            node["config"] = {**A_MOMENT, **kept}
            changed.append(f"{node_id}: waits a moment")
        if node["type"] == "http" and not config.get("url"):
            config["url"] = localized(URL, world)
            changed.append(f"{node_id}: a url")
        if node["type"] in ("knowledgeBaseQuery", "kbQuery"):
            config["knowledgeBaseId"] = KNOWLEDGE_BASE
            changed.append(f"{node_id}: the knowledge base that is here")
        if node["type"] == "url" and not URLS.search(str(config.get("urlVariable"))):
            config["url"] = localized(URL, world)
            changed.append(f"{node_id}: an address")
        if row["kind"] in MOCKED and (completion := _unmocked(node["type"], config)):
            config.update(completion)
            changed.append(f"{node_id}: config of a mock completed")
    for node_id, changes in added.get("set", {}).items():
        definition["nodes"][node_id]["config"].update(localized(changes, world))
        changed.append(f"{node_id}: {', '.join(sorted(changes))}")
    inputs = localized({**inputs_for(definition), **added.get("inputs", {})}, world)
    replies = {**replies_for(definition), **added.get("replies", {})}
    return RealWorkflow(file, tier, definition, inputs, replies, tuple(changed))


def _unmocked(node_type: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """What a config lacks that only a mock could do without."""
    if node_type == "output" and not config.get("outputVariable"):
        return {"outputName": "result", "value": "done", **config}
    if node_type in ("integration", "action") and not config.get("provider"):
        return {"provider": "slack", "operation": "sendMessage", "channel": "#general", "text": "done"}
    if node_type == "fileOperations" and not config.keys() & {"file", "filePath", "path", "fileData"}:
        kind = {"parsePDF": "pdf", "parseCSV": "csv"}.get(str(config.get("operation")), "txt")
        return {"file": file_of(kind), "outputPath": "made.txt", "content": "done"}
    if node_type == "knowledgeBaseQuery" and not config.keys() & {"query", "queryText"}:
        return {"queryText": "What grows?"}
    if node_type == "embeddings" and not config.get("input"):
        return {"input": "What grows?"}
    if node_type == "code" and not config.get("code"):
        return {"code": "return inputs;"}
    if node_type == "llm" and not config.get("prompt"):
        return {"prompt": "Say something."}
    if node_type == "transform":
        operation = config.get("operation")
        if operation not in OPERATIONS or (operation == "custom" and not config.get("expression")):
            return {"operation": "passthrough", "inputData": "done"}
    return {}


def localized(value: Any, world: str) -> Any:
    """``value`` with every public host replaced by the local server, which gets the host's name in the path."""
    text = HOSTS.sub(lambda match: f"{world}/at/{match.group(1)}", json.dumps(value))
    text = re.sub(r"\{\{env\.\w*(KB|KNOWLEDGE_BASE)_ID\}\}", KNOWLEDGE_BASE, text)
    text = re.sub(r"\{\{env\.(\w+)_URL\}\}", lambda match: f"{world}/at/{match.group(1).lower()}", text)
    return json.loads(text.replace("{world}", world))
