"""n8n's nodes for databases and vector stores → ``database`` and ``knowledgeBaseQuery``."""

from __future__ import annotations

from typing import Any

from flowray.definition.dialects.n8n import models
from flowray.definition.dialects.n8n.document import as_object, rows
from flowray.definition.dialects.n8n.source import Source, Typed

Config = dict[str, Any]


def database(source: Source) -> Typed:
    node, value = source.node, source.texts.value
    operation = node.text("operation", "insert")
    config: Config = {"operation": "query" if operation == "executeQuery" else operation}
    if node.connection:
        config["connectionId"] = node.connection
    if node.params.get("query"):
        config["query"] = value(node.params["query"])
        if "{{" in str(config["query"]):
            node.unsupported("query", "Values are put into the text of the query; bind them as parameters.")
    for key in ("table", "limit"):
        if node.params.get(key) not in (None, ""):
            config[key] = value(node.params[key])
    values = as_object(as_object(node.params.get("columns")).get("value"))
    if operation in ("insert", "update", "upsert"):
        config["values"] = value(values) if values else value("={{ $json }}")
    conditions = rows(node.params.get("where"), "values")
    if conditions:
        config["where"] = {str(row.get("column")): value(row.get("value")) for row in conditions}
    return "database", config


def vectors(source: Source) -> Typed | None:
    node = source.node
    if node.text("mode", "insert") not in ("load", "retrieve"):
        return None
    return "knowledgeBaseQuery", {
        "knowledgeBaseId": models.index_name(node), "query": source.texts.value(node.params.get("prompt") or ""),
        "topK": node.params.get("topK") or 4,
    }  # fmt: skip
