"""What an error says, and that it loses nothing on the way to another process."""

from __future__ import annotations

import copy
import pickle

from flowray.errors import DefinitionError, ErrorCode, FlowrayError, InputError


def test_it_reads_as_code_message_and_hint() -> None:
    error = FlowrayError(ErrorCode.NOT_FOUND, "there is no workflow 'x'", hint="list them")
    assert str(error) == "NOT_FOUND: there is no workflow 'x' (list them)"
    assert repr(error) == "FlowrayError(NOT_FOUND, \"there is no workflow 'x'\")"
    assert str(FlowrayError(ErrorCode.INTERNAL, "odd")) == "INTERNAL: odd"


def test_details_are_its_own() -> None:
    details = {"a": 1}
    error = FlowrayError(ErrorCode.INTERNAL, "odd", details=details)
    details["a"] = 2
    assert error.details == {"a": 1}


def test_kinds_of_errors_stay_what_they_are_when_pickled_or_copied() -> None:
    for cls in (DefinitionError, InputError):
        error = cls(ErrorCode.INVALID_INPUT, "two misfits", details={"errors": [1, 2]}, retryable=True)
        for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
            assert type(twin) is cls
            assert vars(twin) == vars(error)
            assert twin.args == ("two misfits",)


def test_a_code_is_its_own_name() -> None:
    assert [code for code in ErrorCode if code.name != code.value] == []
