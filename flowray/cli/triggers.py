"""Commands for what starts executions: triggers, publishing, events. They talk to a server."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from flowray.cli.options import DEFAULT_URL, Format, Url, json_or_text, named_texts, read_text
from flowray.cli.output import output_of
from flowray.cli.pages import all_rows
from flowray.client.sync_client import Client
from flowray.errors import ErrorCode, FlowrayError

COLUMNS = ("id", "kind", "name", "workflow_id", "node_id", "enabled", "next_fire_at", "last_fired_at")
FIRING_COLUMNS = ("fired_at", "scheduled_at", "status", "execution_id", "reason", "fire_key")

TriggerId = Annotated[str, typer.Argument(metavar="TRIGGER", help="The id of a trigger.")]
Payload = Annotated[
    str | None, typer.Option("--payload", metavar="JSON|@FILE|-", help="What the trigger brings, as a JSON object.")
]
Setting = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="A field of its config; JSON where it reads as JSON, else text."),
]
Mapping = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="INPUT=TEMPLATE", help="What an input is made of, such as name={{body.name}}."),
]

app = typer.Typer(no_args_is_help=True, help="Set up what starts workflows, and see what it has started.")


@app.command("list")
def list_(
    ctx: typer.Context,
    workflow: Annotated[str | None, typer.Option("--workflow", help="Only those of this workflow.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="manual, webhook, schedule or event.")] = None,
    url: Url = DEFAULT_URL,
    format: Format = None,
) -> None:
    """List triggers, newest first.

    Example: flowray triggers list --kind schedule
    """
    output = output_of(ctx)
    filters = {name: value for name, value in (("workflow_id", workflow), ("kind", kind)) if value is not None}
    with Client(url) as client:
        output.rows(list(all_rows(client.triggers.list, **filters)), COLUMNS)


@app.command("create")
def create(
    ctx: typer.Context,
    workflow: Annotated[str, typer.Argument(metavar="WORKFLOW", help="The id of a workflow.")],
    kind: Annotated[str, typer.Argument(metavar="KIND", help="manual, webhook, schedule or event.")],
    settings: Setting = None,
    mapping: Mapping = None,
    name: Annotated[str, typer.Option("--name", help="For people.")] = "",
    disabled: Annotated[bool, typer.Option("--disabled", help="Do not enable it yet.")] = False,
    url: Url = DEFAULT_URL,
    format: Format = None,
) -> None:
    """Create a trigger of a workflow.

    Example: flowray triggers create 0192f0c1-… schedule --set cron="0 9 * * 1-5" --set timezone=Europe/Berlin
    """
    output = output_of(ctx)
    inputs = dict(named_texts(mapping, "--map")) or None
    with Client(url) as client:
        made = client.triggers.create(
            workflow, kind, config=_config(settings), name=name, input_mapping=inputs, enabled=not disabled
        )
    output.document(made.model_dump(mode="json"))


@app.command("get")
def get(ctx: typer.Context, trigger: TriggerId, url: Url = DEFAULT_URL, format: Format = None) -> None:
    """Show one trigger, with its next tick.

    Example: flowray triggers get 0192f0c1-…
    """
    output = output_of(ctx)
    with Client(url) as client:
        output.document(client.triggers.get(trigger).model_dump(mode="json"))


@app.command("enable")
def enable(ctx: typer.Context, trigger: TriggerId, url: Url = DEFAULT_URL, format: Format = None) -> None:
    """Let a trigger fire from now on.

    What a schedule missed while it was disabled is not made up for.

    Example: flowray triggers enable 0192f0c1-…
    """
    output = output_of(ctx)
    with Client(url) as client:
        output.document(client.triggers.enable(trigger).model_dump(mode="json"))


@app.command("disable")
def disable(ctx: typer.Context, trigger: TriggerId, url: Url = DEFAULT_URL, format: Format = None) -> None:
    """Let a trigger fire no more.

    Example: flowray triggers disable 0192f0c1-…
    """
    output = output_of(ctx)
    with Client(url) as client:
        output.document(client.triggers.disable(trigger).model_dump(mode="json"))


@app.command("delete")
def delete(ctx: typer.Context, trigger: TriggerId, url: Url = DEFAULT_URL, format: Format = None) -> None:
    """Delete a trigger; its history stays.

    Example: flowray triggers delete 0192f0c1-…
    """
    output = output_of(ctx)
    with Client(url) as client:
        client.triggers.delete(trigger)
    output.document({"id": trigger, "deleted": True})


@app.command("execute")
def execute(
    ctx: typer.Context,
    trigger: TriggerId,
    payload: Payload = None,
    url: Url = DEFAULT_URL,
    format: Format = None,
) -> None:
    """Fire a trigger by hand.

    Example: flowray triggers execute 0192f0c1-… --payload '{"name": "Ada"}'
    """
    output = output_of(ctx)
    with Client(url) as client:
        output.document(client.triggers.execute(trigger, _payload(payload)).model_dump(mode="json"))


@app.command("test")
def try_(
    ctx: typer.Context,
    trigger: TriggerId,
    payload: Payload = None,
    url: Url = DEFAULT_URL,
    format: Format = None,
) -> None:
    """Try a trigger, enabled or not; without a payload with one that is made up.

    Example: flowray triggers test 0192f0c1-…
    """
    output = output_of(ctx)
    with Client(url) as client:
        output.document(client.triggers.test(trigger, _payload(payload)).model_dump(mode="json"))


@app.command("history")
def history(ctx: typer.Context, trigger: TriggerId, url: Url = DEFAULT_URL, format: Format = None) -> None:
    """List what a trigger has fired, newest first.

    Example: flowray triggers history 0192f0c1-… -o json
    """
    output = output_of(ctx)
    with Client(url) as client:
        rows = list(all_rows(client.triggers.history, trigger))
    output.rows(rows, FIRING_COLUMNS)


@app.command("publish")
def publish(
    ctx: typer.Context,
    workflow: Annotated[str, typer.Argument(metavar="WORKFLOW", help="The id of a workflow.")],
    off: Annotated[bool, typer.Option("--off", help="Disable them instead.")] = False,
    url: Url = DEFAULT_URL,
    format: Format = None,
) -> None:
    """Enable the triggers of a workflow's nodes.

    Example: flowray triggers publish 0192f0c1-…
    """
    output = output_of(ctx)
    with Client(url) as client:
        published = client.triggers.unpublish(workflow) if off else client.triggers.publish(workflow)
    output.document(published.model_dump(mode="json"))


@app.command("event")
def event(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of the event.")],
    data: Annotated[
        str | None, typer.Option("--data", "-d", metavar="JSON|@FILE|-", help="What it brings; JSON, else text.")
    ] = None,
    key: Annotated[str | None, typer.Option("--key", help="Tells its repeats from other events of this name.")] = None,
    url: Url = DEFAULT_URL,
    format: Format = None,
) -> None:
    """Tell of an event: it fires event triggers, and executions that wait for it go on.

    Example: flowray triggers event order.created --data '{"total": 120}' --key order-4711
    """
    output = output_of(ctx)
    with Client(url) as client:
        output.document(client.triggers.deliver(name, _value(data), key=key).model_dump(mode="json"))


def _config(pairs: list[str] | None) -> dict[str, Any]:
    return {name: json_or_text(text) for name, text in named_texts(pairs, "--set")}


def _payload(text: str | None) -> dict[str, Any] | None:
    value = _value(text)
    if value is not None and not isinstance(value, dict):
        raise FlowrayError(ErrorCode.INVALID_REQUEST, "--payload must be a JSON object")
    return value


def _value(text: str | None) -> Any:
    if text is None or not (text == "-" or text.startswith("@")):
        return None if text is None else json_or_text(text)
    try:
        return json.loads(read_text(text.removeprefix("@")))
    except ValueError as error:
        raise FlowrayError(ErrorCode.INVALID_REQUEST, f"{text} is not JSON: {error}") from error
