"""n8n's nodes for services → ``integration`` and triggers: names in flowray's spelling, parameters as they are."""

from __future__ import annotations

import re
from typing import Any

from flowray.definition.dialects.n8n.document import N8nNode, as_object
from flowray.definition.dialects.n8n.expressions import Texts

Config = dict[str, Any]

_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

PROVIDERS = {
    "mondayCom": "monday", "googleAnalytics": "google-analytics", "facebookGraphApi": "facebook", "youTube": "youtube",
    "linkedIn": "linkedin", "clickUp": "clickup", "wooCommerce": "woocommerce", "mongoDb": "mongodb", "s3": "aws-s3",
    "microsoftOneDrive": "microsoft-onedrive", "whatsApp": "whatsapp", "quickChart": "quickchart", "nocoDb": "nocodb",
    "erpNext": "erpnext", "rssFeedRead": "rss", "awsComprehend": "aws-comprehend", "wordpress": "wordpress",
}  # fmt: skip
"""Where the name in kebab case is not the provider's."""

DEFAULTS = {
    "telegram": ("message", "sendMessage"), "slack": ("message", "post"), "googleSheets": ("sheet", "read"),
    "gmail": ("message", "send"), "airtable": ("record", "get"), "googleDrive": ("file", "upload"),
    "supabase": ("row", "create"), "wordpress": ("post", "create"), "discord": ("message", "send"),
    "jira": ("issue", "create"), "notion": ("page", "create"), "googleCalendar": ("event", "create"),
    "googleDocs": ("document", "create"), "googleAnalytics": ("report", "get"), "spotify": ("player", "startMusic"),
    "whatsApp": ("message", "send"), "microsoftOutlook": ("message", "send"), "pipedrive": ("deal", "create"),
    "twitter": ("tweet", "create"), "redis": ("key", "info"), "mongoDb": ("document", "find"),
    "github": ("issue", "create"), "youTube": ("channel", "getAll"), "dropbox": ("file", "upload"),
    "linkedIn": ("post", "create"), "reddit": ("post", "create"), "trello": ("card", "create"),
}  # fmt: skip
"""What n8n leaves out of its files: the resource and the operation of a new node."""

OPERATIONS = {
    "telegram.file.get": "getFile", "slack.message.post": "sendMessage", "slack.message.send": "sendMessage",
    "google-sheets.sheet.append": "appendRow", "google-sheets.sheet.read": "getRows",
    "google-sheets.sheet.update": "updateRow", "google-sheets.sheet.upsert": "appendOrUpdateRow",
    "google-sheets.sheet.appendOrUpdate": "appendOrUpdateRow", "google-sheets.sheet.clear": "clearValues",
    "gmail.message.send": "sendMessage", "gmail.message.get": "getMessage", "gmail.message.getAll": "listMessages",
    "gmail.message.reply": "replyToMessage", "airtable.record.search": "listRecords",
    "airtable.record.list": "listRecords", "discord.message.send": "sendMessage",
    "google-drive.file.upload": "uploadFile", "google-drive.file.download": "downloadFile",
    "google-drive.fileFolder.search": "listFiles", "notion.databasePage.create": "createPage",
    "notion.databasePage.getAll": "queryDatabase", "google-calendar.event.getAll": "listEvents",
    "jira.issueComment.add": "addComment",
}  # fmt: skip
"""``provider.resource.operation`` of n8n → the operation here, where spelling alone does not say it."""

LISTING = re.compile(r"(?:getAll|getMany|search|list|read|find|lookup)\w*\Z")
"""Operations that give several items."""

_ABOUT_THE_NODE = frozenset({"resource", "operation", "authentication"})


def kebab(name: str) -> str:
    """``googleSheets`` → ``google-sheets``."""
    return _CAPITAL.sub("-", name).lower()


def provider_of(kind: str) -> str:
    """The provider of a node for a service, of its trigger, or of its tool."""
    base = re.sub(r"(?:Trigger|Tool)\Z", "", kind)
    return PROVIDERS.get(base, kebab(base))


def resource_and_operation(node: N8nNode) -> tuple[str, str]:
    """As written, or what n8n takes where it is not."""
    base = re.sub(r"Tool\Z", "", node.kind)
    resource, operation = DEFAULTS.get(base, ("", ""))
    resource = node.text("resource", resource)
    return resource, node.text("operation", operation if resource == DEFAULTS.get(base, ("", ""))[0] else "get")


def operation_of(node: N8nNode) -> str:
    """The operation in flowray's spelling: verb and thing in camelCase."""
    resource, operation = resource_and_operation(node)
    provider = provider_of(node.kind)
    known = OPERATIONS.get(f"{provider}.{resource}.{operation}")
    if known is not None:
        return known
    if not operation:
        return kebab(node.kind).replace("-", "_")
    verb, rest = ("list", "s") if operation in ("getAll", "getMany") else (operation, "")
    thing = resource[:1].upper() + resource[1:]
    return (
        verb
        if not thing or thing.lower() in verb.lower() or len(kebab(verb).split("-")) > 1
        else f"{verb}{thing}{rest}"
    )


def gives_list(node: N8nNode) -> bool:
    """Whether n8n would go on with one item for each thing found."""
    return bool(LISTING.match(resource_and_operation(node)[1])) or node.kind in ("rssFeedRead", "hackerNews")


def integration(node: N8nNode, texts: Texts) -> Config:
    """One operation of one provider."""
    parameters = {key: texts.value(value) for key, value in node.params.items() if key not in _ABOUT_THE_NODE}
    config: Config = {"provider": provider_of(node.kind), "operation": operation_of(node), "parameters": parameters}
    if node.connection:
        config["connection"] = node.connection
    return config


def trigger(node: N8nNode, texts: Texts) -> Config:
    """What starts the workflow. A poll or a hook of a service is a webhook: something has to call it."""
    kind = node.kind
    if kind in ("manualTrigger", "start", "executeWorkflowTrigger", "chatTrigger", "manualChatTrigger", "errorTrigger"):
        return {"triggerType": "manual"}
    if kind in ("scheduleTrigger", "cron", "interval"):
        return _schedule(node)
    if kind in ("webhook", "formTrigger", "form"):
        return {"triggerType": "webhook", "methods": [node.text("httpMethod", "POST" if kind != "webhook" else "GET")]}
    node.changed(
        "", f"{kind} is a webhook here: nobody asks {provider_of(kind)} for news.",
        "Let the service, or a schedule of your own, call it.",
    )  # fmt: skip
    return {"triggerType": "webhook", "provider": provider_of(kind), "parameters": texts.value(node.params)}


def _schedule(node: N8nNode) -> Config:
    entries = [
        *_entries(as_object(node.params.get("rule")).get("interval")),
        *_entries(as_object(node.params.get("triggerTimes")).get("item")),
    ]
    crons = [cron for entry in entries if (cron := _cron(entry)) is not None]
    if not crons:
        node.unsupported("rule", "This schedule has no cron expression here; it begins only when it is called.")
        return {"triggerType": "manual"}
    if len(entries) > 1:
        node.unsupported("rule", f"The schedule has {len(entries)} rules; only the first, {crons[0]!r}, is kept.")
    return {"triggerType": "schedule", "cron": crons[0]}


def _entries(value: Any) -> list[Config]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _cron(entry: Config) -> str | None:
    def number(key: str, default: int) -> int:
        value = entry.get(key, default)
        return value if isinstance(value, int) else default

    minute, hour = number("triggerAtMinute", number("minute", 0)), number("triggerAtHour", number("hour", 0))
    unit = str(entry.get("field") or entry.get("mode") or "days")
    match unit:
        case "cronExpression" | "custom":
            written = str(entry.get("expression") or entry.get("cronExpression") or "")
            return written if 5 <= len(written.split()) <= 6 else None
        case "seconds":
            return f"*/{number('secondsInterval', 30)} * * * * *"
        case "minutes" | "everyX" | "everyMinute":
            return f"*/{number('minutesInterval', number('value', 5))} * * * *"
        case "hours" | "everyHour":
            return f"{minute} */{number('hoursInterval', 1)} * * *"
        case "weeks" | "everyWeek":
            days = entry.get("triggerAtDay") if isinstance(entry.get("triggerAtDay"), list) else [number("weekday", 0)]
            return f"{minute} {hour} * * {','.join(str(day) for day in days or [0])}"
        case "months" | "everyMonth":
            return f"{minute} {hour} {number('triggerAtDayOfMonth', number('dayOfMonth', 1))} * *"
        case "days" | "everyDay":
            every = number("daysInterval", 1)
            return f"{minute} {hour} {'*' if every == 1 else f'*/{every}'} * *"
    return None
