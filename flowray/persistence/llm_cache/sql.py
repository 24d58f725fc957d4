"""Answers that models gave before, in SQL. A cache: what it loses costs a call, and what it cannot do it logs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import cached_property
from typing import Any

from sqlalchemy import Engine, delete, select

from flowray.errors import FlowrayError
from flowray.persistence.database.engine import database_errors, is_postgresql, query, reading, writing
from flowray.persistence.database.transaction import insert_or_update
from flowray.persistence.llm_cache.tables import llm_cache
from flowray.persistence.records import DEFAULT_WORKSPACE

logger = logging.getLogger(__name__)


class SqlAnswers:
    """The Answers of a lane. ``open_engine`` is called at the first use: few lanes ever need it.

    On SQLite the table is made where it is missing: the file is the cache's own, and no migration knows it.
    """

    def __init__(self, open_engine: Callable[[], Engine]) -> None:
        self._open = open_engine

    @cached_property
    def _engine(self) -> Engine:
        engine = self._open()
        if not is_postgresql(engine):
            llm_cache.create(engine, checkfirst=True)
        return engine

    async def get(self, key: str, now_ms: int) -> Any:
        """The answer that was kept under ``key``, or None."""
        return await self._try("read", lambda: self._get(key, now_ms))

    async def put(self, key: str, answer: Any, now_ms: int, ttl_ms: int) -> None:
        """Keep an answer until its time is over, and forget those whose time is."""
        await self._try("write", lambda: self._put(key, answer, now_ms, ttl_ms))

    async def _try(self, action: str, call: Callable[[], Any]) -> Any:
        try:
            return await asyncio.to_thread(call)
        except FlowrayError as error:
            logger.warning("flowray: cannot %s the cache of answers: %s", action, error)
            return None

    def _get(self, key: str, now_ms: int) -> Any:
        with database_errors("read the cache of answers"):
            engine = reading(self._engine)
        table = llm_cache.c
        statement = select(table.answer).where(
            table.workspace_id == DEFAULT_WORKSPACE, table.key == key, table.expires_at > now_ms
        )
        return query(engine, "read the cache of answers", lambda connection: connection.execute(statement).scalar())

    def _put(self, key: str, answer: Any, now_ms: int, ttl_ms: int) -> None:
        row = {
            "workspace_id": DEFAULT_WORKSPACE, "key": key, "answer": answer, "created_at": now_ms,
            "expires_at": now_ms + ttl_ms,
        }  # fmt: skip
        with database_errors("write the cache of answers"), writing(self._engine).begin() as connection:
            connection.execute(delete(llm_cache).where(llm_cache.c.expires_at <= now_ms))
            connection.execute(insert_or_update(connection.dialect.name, llm_cache), row)
