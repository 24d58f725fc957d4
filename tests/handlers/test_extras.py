"""Optional libraries: loaded when needed, named when absent."""

from __future__ import annotations

import json

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.extras import load_extra


def test_an_installed_module_is_loaded() -> None:
    assert load_extra("json", "documents") is json


def test_an_absent_module_is_an_error_that_names_its_extra() -> None:
    with pytest.raises(FlowrayError) as caught:
        load_extra("no_such_module_here", "documents")
    assert caught.value.code is ErrorCode.MISSING_EXTRA
    assert caught.value.hint == "pip install 'flowray[documents]'"
    assert caught.value.details == {"module": "no_such_module_here", "extra": "documents"}
