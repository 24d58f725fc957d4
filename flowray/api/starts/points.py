"""Which part of a plan a request wants to run: its options → the record's selection. Decides nothing itself."""

from __future__ import annotations

from collections.abc import Sequence

from flowray.api.context import ApiContext
from flowray.api.http.error_responses import BodyError
from flowray.engine.start_planning import StartRequest
from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.records import ExecutionRecord
from flowray.plan import ExecutionPlan
from flowray.runtime.start_points import check_ended, prepare_start, prepare_starts
from flowray.wire import StartOptions

PART_OPTIONS = ("run_from", "run_until", "only_node", "pins")
"""Options that say which part of a plan runs."""

_OPTION_OF = {
    "/from_node": "/options/run_from/node_id",
    "/until_node": "/options/run_until",
    "/only_node": "/options/only_node",
    "/pins": "/options/pins",
}


def refuse_part_options(options: StartOptions, where: str) -> None:
    """Raises INVALID_REQUEST if the options name a part to run, which a call like ``where`` does not take."""
    for name in PART_OPTIONS:
        if getattr(options, name) is not None:
            raise BodyError(
                ErrorCode.INVALID_REQUEST,
                f"the option {name!r} is not for {where}",
                details={"errors": [{"pointer": f"/options/{name}", "message": f"not for {where}"}]},
            )


def refuse_taking_over(options: StartOptions) -> None:
    """Raises INVALID_REQUEST for a batch whose rows would begin at a node with what another execution had before it."""
    if options.run_from is not None:
        raise BodyError(
            ErrorCode.INVALID_REQUEST,
            "the option 'run_from' is not for a batch",
            details={"errors": [{"pointer": "/options/run_from", "message": "not for a batch"}]},
            hint="what lies before the node was computed from one execution's inputs: rerun each execution from the "
            "node, or pin what the node reads and use run_until or only_node",
        )


async def select_rows(
    context: ApiContext, records: Sequence[ExecutionRecord], plan: ExecutionPlan, options: StartOptions
) -> list[ExecutionRecord]:
    """The records of rows of a batch with the selection that its options ask for. Raises INVALID_START_POINT."""
    request = StartRequest(until_node=options.run_until, only_node=options.only_node, pins=options.pins or {})
    try:
        return await prepare_starts(context.directory, plan, request, records)
    except FlowrayError as error:
        if error.code is ErrorCode.INVALID_START_POINT:
            _point_to_options(error)
        raise


async def past_execution(context: ApiContext, options: StartOptions) -> ExecutionRecord | None:
    """The execution that a start takes over from, if any; inputs that the start leaves out are its. Raises NOT_FOUND,
    EXECUTION_NOT_ENDED."""
    if options.run_from is None or options.run_from.execution_id is None:
        return None
    source = await context.execution(options.run_from.execution_id)
    check_ended(source)
    return source


async def select_by_options(
    context: ApiContext,
    record: ExecutionRecord,
    plan: ExecutionPlan,
    options: StartOptions,
    source: ExecutionRecord | None,
) -> ExecutionRecord:
    """The record of a start with the selection that its options ask for. Raises INVALID_START_POINT."""
    run_from = options.run_from
    request = StartRequest(
        from_node=run_from.node_id if run_from is not None else None,
        until_node=options.run_until,
        only_node=options.only_node,
        pins=options.pins or {},
        fresh_inputs=source is not None and record.inputs != source.inputs,
    )
    try:
        return await prepare_start(context.directory, plan, request, record, source)
    except FlowrayError as error:
        if error.code is ErrorCode.INVALID_START_POINT:
            _point_to_options(error)
        raise


def _point_to_options(error: FlowrayError) -> None:
    """Pointers of the planner name its own fields; these are where a start has them."""
    for finding in error.details["errors"]:
        head, _, rest = finding["pointer"][1:].partition("/")
        finding["pointer"] = _OPTION_OF[f"/{head}"] + (f"/{rest}" if rest else "")
