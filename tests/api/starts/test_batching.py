"""Rows of a batch: checked together, numbered, and read back. Its routes are tested apart."""

from __future__ import annotations

import pytest

from flowray.api.context import ApiContext
from flowray.api.starts.batching import batch_id_of, batch_view, fit_rows, result_lines, start_batch
from flowray.api.starts.starting import WorkflowSource
from flowray.errors import ErrorCode, FlowrayError, InputError
from flowray.values import decode_json
from flowray.wire import StartOptions
from tests.api.conftest import GREET


@pytest.fixture
async def source(context: ApiContext) -> WorkflowSource:
    return WorkflowSource(await context.compiler.document(GREET))


def test_rows_keep_their_order_and_misfits_their_place(source: WorkflowSource) -> None:
    assert fit_rows(source, [{"name": "a"}, {"name": "b"}]) == [{"name": "a"}, {"name": "b"}]
    with pytest.raises(InputError) as caught:
        fit_rows(source, [{}] * 150)
    assert len(caught.value.details["errors"]) == 100
    assert caught.value.hint == "no row was started"


def test_a_key_always_gives_the_same_batch(context: ApiContext) -> None:
    assert batch_id_of(context, "w", "k") == batch_id_of(context, "w", "k")
    assert len({batch_id_of(context, "w", "k"), batch_id_of(context, "v", "k"), batch_id_of(context, "w", None)}) == 3


async def test_more_rows_than_a_page_are_counted_and_read(context: ApiContext, source: WorkflowSource) -> None:
    rows = [{"name": str(index)} for index in range(450)]
    started = await start_batch(context, source, "b1", rows, StartOptions(), None)
    assert len({item.id for item in started}) == 450
    assert (await batch_view(context, "b1"))["count"] == 450
    lines = [decode_json(line) async for line in result_lines(context, "b1")]
    assert sorted(line["index"] for line in lines) == list(range(450))


async def test_a_failure_on_the_way_is_the_last_line(
    context: ApiContext, source: WorkflowSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    await start_batch(context, source, "b1", [{"name": "a"}], StartOptions(), None)

    def away(**_filters: object) -> None:
        raise FlowrayError(ErrorCode.DATABASE_UNAVAILABLE, "away")

    monkeypatch.setattr(context.directory.reader, "executions", away)
    lines = [decode_json(line) async for line in result_lines(context, "b1")]
    assert lines == [{"error": {"code": "DATABASE_UNAVAILABLE", "message": "away"}}]
