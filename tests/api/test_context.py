"""What routes share."""

from __future__ import annotations

import pytest

from flowray.api.context import ApiContext, accepted, not_found
from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.writes import DeleteWorkflow, Done, Refused


def test_a_refusal_becomes_an_error_of_its_code() -> None:
    assert accepted(Done()) == Done()
    for code, raised in (("NOT_FOUND", ErrorCode.NOT_FOUND), ("SOMETHING_NEW", ErrorCode.INTERNAL)):
        with pytest.raises(FlowrayError) as caught:
            accepted(Refused(code=code, detail="why"))
        assert (caught.value.code, caught.value.message) == (raised, "why")


def test_what_is_not_found_is_named_but_not_at_any_length() -> None:
    error = not_found("execution", "x" * 500)
    assert error.details["execution_id"] == "x" * 200
    assert len(error.message) < 260


async def test_rows_that_do_not_exist(context: ApiContext) -> None:
    for look in (context.execution, context.workflow):
        with pytest.raises(FlowrayError) as caught:
            await look("none")
        assert caught.value.code is ErrorCode.NOT_FOUND
    with pytest.raises(FlowrayError) as caught:
        await context.write(DeleteWorkflow(id="none"))
    assert caught.value.code is ErrorCode.NOT_FOUND
