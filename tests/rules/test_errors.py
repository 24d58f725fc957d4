"""Every error crosses a process border unchanged; every code has a status, an exit code and a line in the documents."""

from __future__ import annotations

import importlib
import pickle

import pytest

from flowray.api.http.error_responses import STATUS
from flowray.cli.output import exit_code
from flowray.errors import ErrorCode, FlowrayError
from tests.rules.error_meanings import MEANINGS
from tests.rules.source import DOCS, PACKAGE, modules


def _error_classes() -> list[type[FlowrayError]]:
    for path in modules():
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        text = path.read_text(encoding="utf-8")
        if "Error):" in text or "Error(FlowrayError" in text:
            importlib.import_module(name.removesuffix(".__init__"))
    found: list[type[FlowrayError]] = [FlowrayError]
    for cls in found:
        found.extend(sub for sub in cls.__subclasses__() if sub not in found)
    return [cls for cls in found if cls.__module__.startswith("flowray.")]


@pytest.mark.parametrize("cls", _error_classes(), ids=lambda cls: cls.__name__)
def test_every_error_survives_pickling(cls: type[FlowrayError]) -> None:
    error = cls(ErrorCode.NODE_FAILED, "it broke", details={"a": [1]}, hint="mend it", retryable=True)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is cls
    assert (copy.code, copy.message, copy.details, copy.hint, copy.retryable) == (
        ErrorCode.NODE_FAILED, "it broke", {"a": [1]}, "mend it", True,
    )  # fmt: skip
    assert str(copy) == str(error)


def test_every_code_has_a_status() -> None:
    assert {code for code in ErrorCode if not 400 <= STATUS.get(code, 0) < 600} == set()


def test_every_code_has_an_exit_code() -> None:
    codes = {exit_code(FlowrayError(code, "")) for code in ErrorCode}
    assert codes <= {1, 2, 4, 5, 7, 8, 130}


def test_every_code_has_a_meaning_and_a_line_in_the_documents() -> None:
    assert set(MEANINGS) == set(ErrorCode)
    page = (DOCS / "errors.md").read_text(encoding="utf-8")
    assert [code.value for code in ErrorCode if f"`{code.value}`" not in page] == []
