"""Results of containers that nobody read and that were left to the log: put together for people who ask (R16)."""

from __future__ import annotations

from typing import Any

from flowray.errors import ErrorCode, FlowrayError
from flowray.eventlog.log import EventLog
from flowray.values import Json, StoredValue, Value, as_value

_PAGE = 1_000


def put_together(events: EventLog, execution_id: str, instance: str, output: Value) -> Value:
    """The output of a container instance with its results in place of the note that they are in the log.

    Any other output as it is. Reads the log from its beginning, in the calling thread. The result may hold descriptors.
    Raises PAYLOAD_MISSING for results that are in the log of another execution.
    """
    value = as_value(output)
    if isinstance(value, dict) and value.keys() == {"results"}:
        return {"results": put_together(events, execution_id, instance, value["results"])}
    if not isinstance(value, StoredValue) or not value.is_in_log:
        return output
    found = _results(events, execution_id, instance)
    if value.length and not found:
        raise FlowrayError(
            ErrorCode.PAYLOAD_MISSING,
            f"the results of {instance[:200]!r} were not taken over: nothing reads them here",
            details={"execution_id": execution_id},
            hint="they stand in the execution that this one is a rerun of",
        )
    return [found.get(index) for index in range(value.length)]


def _results(events: EventLog, execution_id: str, instance: str) -> dict[int, Json]:
    found: dict[int, Json] = {}
    after = 0
    while page := events.read(execution_id, after, _PAGE):
        for recorded in page:
            body: dict[str, Any] = recorded.body
            if recorded.type == "scope.completed" and body.get("instance") == instance:
                found[body["index"]] = body.get("result")
        after = page[-1].seq
    return found
