"""Calls about triggers, and events for them, for both clients."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from flowray import wire
from flowray.client.call import JSON, AsyncSender, Call, Sender, given, json_body, nothing, path, reading


def create_trigger(fields: Mapping[str, Any]) -> Call[wire.Trigger]:
    """Not repeatable: the id is the server's, so a second one would be created."""
    body = json_body(given(**fields))
    return Call("POST", path("triggers"), reading(wire.Trigger), {}, body, JSON, repeatable=False)


def list_triggers(limit: int, cursor: str | None, filters: Mapping[str, Any]) -> Call[wire.TriggerPage]:
    """One page."""
    params = given(limit=limit, cursor=cursor, **filters)
    return Call("GET", path("triggers"), reading(wire.TriggerPage), params)


def one_trigger(
    method: str, trigger_id: str, action: str = "", changes: Mapping[str, Any] | None = None
) -> Call[wire.Trigger]:
    """A call that answers with the trigger, and says what is to be, so that it may be repeated."""
    parts = ("triggers", trigger_id, action) if action else ("triggers", trigger_id)
    content = None if changes is None else json_body(changes)
    return Call(method, path(*parts), reading(wire.Trigger), {}, content, JSON)


def delete_trigger(trigger_id: str) -> Call[None]:
    """DELETE."""
    return Call("DELETE", path("triggers", trigger_id), nothing)


def rotate_secret(trigger_id: str) -> Call[wire.Trigger]:
    """Not repeatable: each makes another one."""
    return Call("POST", path("triggers", trigger_id, "secret"), reading(wire.Trigger), repeatable=False)


def fire_trigger(
    trigger_id: str, action: str, payload: Mapping[str, Any] | None, idempotency_key: str | None
) -> Call[wire.ExecutionStarted]:
    """Repeatable, because always sent with an idempotency key."""
    headers = {**JSON, "Idempotency-Key": idempotency_key or uuid.uuid4().hex}
    content = json_body(given(payload=None if payload is None else dict(payload)))
    return Call("POST", path("triggers", trigger_id, action), reading(wire.ExecutionStarted), {}, content, headers)


def trigger_history(trigger_id: str, limit: int, cursor: str | None) -> Call[wire.FiringPage]:
    """One page of firings."""
    params = given(limit=limit, cursor=cursor)
    return Call("GET", path("triggers", trigger_id, "history"), reading(wire.FiringPage), params)


def publish(workflow_id: str, action: str) -> Call[wire.Publication]:
    """Repeatable: what is published stays so."""
    return Call("POST", path("workflows", workflow_id, action), reading(wire.Publication))


def deliver_event(name: str, data: Any, key: str | None) -> Call[wire.EventDelivery]:
    """Repeatable, because always sent with a key."""
    content = json_body({"name": name, "data": data, "key": key or uuid.uuid4().hex})
    return Call("POST", path("events"), reading(wire.EventDelivery), {}, content, JSON)


class Triggers:
    """Calls about triggers, those of workflows' nodes among them."""

    def __init__(self, client: Sender) -> None:
        self._client = client

    def create(
        self,
        workflow_id: str,
        kind: str,
        *,
        config: Mapping[str, Any] | None = None,
        name: str = "",
        input_mapping: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        enabled: bool = True,
        secret: str | None = None,
    ) -> wire.Trigger:
        """``kind``: manual, webhook, schedule or event. A secret that the server makes is in this answer only.

        Raises NOT_FOUND, INVALID_REQUEST with ``details["errors"]``.
        """
        fields = {
            "workflow_id": workflow_id, "kind": kind, "config": dict(config or {}), "name": name,
            "input_mapping": input_mapping, "options": options, "enabled": enabled, "secret": secret,
        }  # fmt: skip
        return self._client.send(create_trigger(fields))

    def list(self, *, limit: int = 50, cursor: str | None = None, **filters: Any) -> wire.TriggerPage:
        """One page, newest first. ``filters``: workflow_id, kind, enabled."""
        return self._client.send(list_triggers(limit, cursor, filters))

    def get(self, trigger_id: str) -> wire.Trigger:
        """With its next tick. Raises NOT_FOUND."""
        return self._client.send(one_trigger("GET", trigger_id))

    def change(self, trigger_id: str, **changes: Any) -> wire.Trigger:
        """Change name, config, input_mapping, options, enabled or secret. Raises CONFLICT for what a node says."""
        return self._client.send(one_trigger("PATCH", trigger_id, changes=changes))

    def delete(self, trigger_id: str) -> None:
        """Delete it; its history stays. Raises NOT_FOUND."""
        self._client.send(delete_trigger(trigger_id))

    def enable(self, trigger_id: str) -> wire.Trigger:
        """Let it fire from now on."""
        return self._client.send(one_trigger("POST", trigger_id, "enable"))

    def disable(self, trigger_id: str) -> wire.Trigger:
        """Let it fire no more."""
        return self._client.send(one_trigger("POST", trigger_id, "disable"))

    def new_secret(self, trigger_id: str) -> wire.Trigger:
        """Make a new secret, which is in this answer only; the old one is void."""
        return self._client.send(rotate_secret(trigger_id))

    def execute(
        self, trigger_id: str, payload: Mapping[str, Any] | None = None, *, idempotency_key: str | None = None
    ) -> wire.ExecutionStarted:
        """Fire it by hand. Raises CONFLICT if it is disabled, INVALID_INPUT."""
        return self._client.send(fire_trigger(trigger_id, "execute", payload, idempotency_key))

    def test(
        self, trigger_id: str, payload: Mapping[str, Any] | None = None, *, idempotency_key: str | None = None
    ) -> wire.ExecutionStarted:
        """Try it, enabled or not; without a payload with one that is made up. Raises INVALID_INPUT."""
        return self._client.send(fire_trigger(trigger_id, "test", payload, idempotency_key))

    def history(self, trigger_id: str, *, limit: int = 50, cursor: str | None = None) -> wire.FiringPage:
        """One page of what it has fired, newest first."""
        return self._client.send(trigger_history(trigger_id, limit, cursor))

    def publish(self, workflow_id: str) -> wire.Publication:
        """Enable the triggers of a workflow's nodes. Raises NOT_FOUND."""
        return self._client.send(publish(workflow_id, "publish"))

    def unpublish(self, workflow_id: str) -> wire.Publication:
        """Disable the triggers of a workflow's nodes. Raises NOT_FOUND."""
        return self._client.send(publish(workflow_id, "unpublish"))

    def deliver(self, event: str, data: Any = None, *, key: str | None = None) -> wire.EventDelivery:
        """Tell of an event: it fires event triggers, and lets executions go on that wait for it."""
        return self._client.send(deliver_event(event, data, key))


class AsyncTriggers:
    """Calls about triggers, those of workflows' nodes among them."""

    def __init__(self, client: AsyncSender) -> None:
        self._client = client

    async def create(
        self,
        workflow_id: str,
        kind: str,
        *,
        config: Mapping[str, Any] | None = None,
        name: str = "",
        input_mapping: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        enabled: bool = True,
        secret: str | None = None,
    ) -> wire.Trigger:
        """``kind``: manual, webhook, schedule or event. A secret that the server makes is in this answer only.

        Raises NOT_FOUND, INVALID_REQUEST with ``details["errors"]``.
        """
        fields = {
            "workflow_id": workflow_id, "kind": kind, "config": dict(config or {}), "name": name,
            "input_mapping": input_mapping, "options": options, "enabled": enabled, "secret": secret,
        }  # fmt: skip
        return await self._client.send(create_trigger(fields))

    async def list(self, *, limit: int = 50, cursor: str | None = None, **filters: Any) -> wire.TriggerPage:
        """One page, newest first. ``filters``: workflow_id, kind, enabled."""
        return await self._client.send(list_triggers(limit, cursor, filters))

    async def get(self, trigger_id: str) -> wire.Trigger:
        """With its next tick. Raises NOT_FOUND."""
        return await self._client.send(one_trigger("GET", trigger_id))

    async def change(self, trigger_id: str, **changes: Any) -> wire.Trigger:
        """Change name, config, input_mapping, options, enabled or secret. Raises CONFLICT for what a node says."""
        return await self._client.send(one_trigger("PATCH", trigger_id, changes=changes))

    async def delete(self, trigger_id: str) -> None:
        """Delete it; its history stays. Raises NOT_FOUND."""
        await self._client.send(delete_trigger(trigger_id))

    async def enable(self, trigger_id: str) -> wire.Trigger:
        """Let it fire from now on."""
        return await self._client.send(one_trigger("POST", trigger_id, "enable"))

    async def disable(self, trigger_id: str) -> wire.Trigger:
        """Let it fire no more."""
        return await self._client.send(one_trigger("POST", trigger_id, "disable"))

    async def new_secret(self, trigger_id: str) -> wire.Trigger:
        """Make a new secret, which is in this answer only; the old one is void."""
        return await self._client.send(rotate_secret(trigger_id))

    async def execute(
        self, trigger_id: str, payload: Mapping[str, Any] | None = None, *, idempotency_key: str | None = None
    ) -> wire.ExecutionStarted:
        """Fire it by hand. Raises CONFLICT if it is disabled, INVALID_INPUT."""
        return await self._client.send(fire_trigger(trigger_id, "execute", payload, idempotency_key))

    async def test(
        self, trigger_id: str, payload: Mapping[str, Any] | None = None, *, idempotency_key: str | None = None
    ) -> wire.ExecutionStarted:
        """Try it, enabled or not; without a payload with one that is made up. Raises INVALID_INPUT."""
        return await self._client.send(fire_trigger(trigger_id, "test", payload, idempotency_key))

    async def history(self, trigger_id: str, *, limit: int = 50, cursor: str | None = None) -> wire.FiringPage:
        """One page of what it has fired, newest first."""
        return await self._client.send(trigger_history(trigger_id, limit, cursor))

    async def publish(self, workflow_id: str) -> wire.Publication:
        """Enable the triggers of a workflow's nodes. Raises NOT_FOUND."""
        return await self._client.send(publish(workflow_id, "publish"))

    async def unpublish(self, workflow_id: str) -> wire.Publication:
        """Disable the triggers of a workflow's nodes. Raises NOT_FOUND."""
        return await self._client.send(publish(workflow_id, "unpublish"))

    async def deliver(self, event: str, data: Any = None, *, key: str | None = None) -> wire.EventDelivery:
        """Tell of an event: it fires event triggers, and lets executions go on that wait for it."""
        return await self._client.send(deliver_event(event, data, key))
