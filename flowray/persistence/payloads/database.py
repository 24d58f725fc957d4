"""Large values as rows of the database, for several machines."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from sqlalchemy import Engine, select

from flowray.persistence.database.engine import query, reading
from flowray.persistence.database.tables import payloads
from flowray.persistence.payloads.ids import missing_payload, payload_id
from flowray.persistence.writes import AnyResult, AnyWrite, PutPayload


class DatabasePayloads:
    """A PayloadStore in the database, for several machines. ``commit`` is that of a Journal or a Committer."""

    def __init__(
        self,
        engine: Engine,
        commit: Callable[[Sequence[AnyWrite]], list[AnyResult]],
        clock_ms: Callable[[], int] = lambda: int(time.time() * 1_000),
    ) -> None:
        self._engine = reading(engine)
        self._commit = commit
        self._clock_ms = clock_ms

    def put(self, execution_id: str, key: str, data: bytes) -> str:
        put_id = payload_id(execution_id, data)
        self._commit([PutPayload(id=put_id, execution_id=execution_id, data=data, ts=self._clock_ms())])
        return put_id

    def get(self, payload_id: str) -> bytes:
        statement = select(payloads.c.data).where(payloads.c.id == payload_id)
        found = query(
            self._engine, "read a payload", lambda connection: connection.execute(statement).scalar_one_or_none()
        )
        if found is None:
            raise missing_payload(payload_id)
        return bytes(found)
