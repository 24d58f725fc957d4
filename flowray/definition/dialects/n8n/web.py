"""n8n's nodes for requests and their answers, mail and forms → ``http``, ``response``, ``email`` and so on."""

from __future__ import annotations

import json
from typing import Any

from flowray.definition.dialects.n8n.document import as_object, name_of, parsed, rows
from flowray.definition.dialects.n8n.source import Source, Typed
from flowray.values import Json

Config = dict[str, Any]


def http(source: Source) -> Typed:
    node, params, value = source.node, source.node.params, source.texts.value
    config: Config = {
        "method": node.text("method", node.text("requestMethod", "GET")).upper(),
        "url": value(params.get("url") or ""), "failOnStatus": not node.raw.get("continueOnFail", False),
    }  # fmt: skip
    query = _pairs(params, ("queryParameters", "queryParametersUi"), source) or _object(
        params, ("jsonQuery", "queryParametersJson"), source
    )
    headers = _pairs(params, ("headerParameters", "headerParametersUi"), source) or _object(
        params, ("jsonHeaders", "headerParametersJson"), source
    )
    if query:
        config["queryParams"] = query
    body = _body(source, config)
    if body is not None:
        config["headers"] = [*(headers if isinstance(headers, list) else []), *body]
        headers = config["headers"] or headers
    if headers:
        config["headers"] = headers
    timeout = node.options.get("timeout")
    if isinstance(timeout, int) and 0 < timeout <= 300_000:
        config["timeoutMs"] = timeout
    if node.connection or params.get("authentication") not in (None, "", "none"):
        config["connection"] = node.connection or node.text("nodeCredentialType", node.text("genericAuthType"))
        node.unsupported(
            "authentication", f"The request is sent without the credentials {config['connection']!r}.",
            "Set authType and authCredentials, usually to {{secrets.NAME}}.",
        )  # fmt: skip
    if as_object(node.options.get("pagination")):
        node.unsupported("options", "Further pages of the answer are not asked for.")
    return "http", config


def _body(source: Source, config: Config) -> list[Config] | None:
    """Puts the body into the config. Gives the headers that it needs, None where there is no body."""
    node, params, value = source.node, source.node.params, source.texts.value
    kind = node.text("contentType", node.text("bodyContentType", "json"))
    listed = _pairs(params, ("bodyParameters", "bodyParametersUi"), source)
    written = next((params[key] for key in ("jsonBody", "bodyParametersJson") if params.get(key)), None)
    if listed and params.get("specifyBody") != "json":
        if kind in ("json", ""):
            config |= {"bodyType": "json", "body": {str(row["key"]): row["value"] for row in listed}}
        else:
            config |= {"bodyType": "form", "body": {str(row["key"]): row["value"] for row in listed}}
        if any(
            row.get("parameterType") == "formBinaryData" for row in rows(params.get("bodyParameters"), "parameters")
        ):
            node.unsupported("bodyParameters", "Files in the body of a request are not sent.")
        return []
    if written is not None:
        config |= {"bodyType": "raw", "body": value(written)}
        return [{"key": "Content-Type", "value": "application/json"}]
    if kind in ("raw", "form-urlencoded") and params.get("body"):
        config |= {"bodyType": "raw", "body": value(params["body"])}
        return [{"key": "Content-Type", "value": node.text("rawContentType", "application/x-www-form-urlencoded")}]
    if kind == "binaryData":
        node.unsupported("contentType", "A file as the body of a request is not sent.")
    return None


def _pairs(params: Config, keys: tuple[str, ...], source: Source) -> list[Config]:
    for key in keys:
        listed = rows(params.get(key), "parameters") or rows(params.get(key), "parameter")
        if listed:
            return [
                {"key": name_of(row), "value": source.texts.value(row.get("value", ""))}
                for row in listed
                if name_of(row)
            ]
    return []


def _object(params: Config, keys: tuple[str, ...], source: Source) -> Json:
    for key in keys:
        if isinstance(params.get(key), str) and params[key].strip("= {}\n"):
            try:
                found: Json = json.loads(params[key].removeprefix("="))
            except ValueError:
                source.node.unsupported(key, "This object is made of expressions within JSON text, and is left out.")
                return None
            return _templates(found, source)
    return None


def _templates(value: Json, source: Source) -> Json:
    if isinstance(value, dict):
        return {key: _templates(item, source) for key, item in value.items()}
    return source.texts.text(f"={value}") if isinstance(value, str) and "{{" in value else value


def respond(source: Source) -> Typed:
    node, value = source.node, source.texts.value
    kind = node.text("respondWith", "firstIncomingItem")
    if kind in ("firstIncomingItem", "allIncomingItems"):
        data: Json = value("={{ $json }}") if kind == "firstIncomingItem" or not source.lists else source.lists[0]
    elif kind == "noData":
        data = None
    else:
        data = value(node.params.get("responseBody") or node.params.get("redirectURL") or "")
        if kind == "json" and isinstance(data, str) and "{{" not in data:
            data = parsed(data)
    config: Config = {"data": data}
    if isinstance(node.options.get("responseCode"), int):
        config["status"] = node.options["responseCode"]
    headers = rows(node.options.get("responseHeaders"), "entries")
    if headers:
        config["headers"] = [{"key": name_of(row), "value": value(row.get("value", ""))} for row in headers]
    return "response", config


def graphql(source: Source) -> Typed:
    node, value = source.node, source.texts.value
    body = {"query": value(node.params.get("query") or ""), "variables": value(node.params.get("variables") or {})}
    return "http", {
        "method": "POST",
        "url": value(node.params.get("endpoint") or ""),
        "bodyType": "json",
        "body": body,
        "failOnStatus": True,
    }


def email(source: Source) -> Typed:
    node, value = source.node, source.texts.value
    config = {
        "to": value(node.params.get("toEmail") or ""), "from": value(node.params.get("fromEmail") or ""),
        "subject": value(node.params.get("subject") or ""),
    }  # fmt: skip
    for key, target in (("text", "text"), ("html", "html"), ("ccEmail", "cc"), ("bccEmail", "bcc")):
        if node.params.get(key):
            config[target] = value(node.params[key])
    if node.connection:
        config["connection"] = node.connection
    return "email", config


def form(source: Source) -> Typed:
    fields = [
        {
            "name": str(row.get("fieldLabel") or row.get("fieldName")),
            "type": str(row.get("fieldType") or "string"),
            "required": bool(row.get("requiredField")),
        }
        for row in rows(source.node.params.get("formFields"), "values")
    ]
    if source.node.text("operation") == "completion":
        return "response", {"data": source.texts.value(source.node.params.get("completionTitle") or "")}
    return "humanReview", {"prompt": source.node.text("formTitle", source.node.name), "fields": fields}
