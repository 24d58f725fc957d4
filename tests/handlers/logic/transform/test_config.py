"""Spellings of transform configs."""

from __future__ import annotations

import pytest

from flowray.handlers.logic.transform.config import TransformConfig


@pytest.mark.parametrize(
    ("given", "operation"),
    [
        ({"transformType": "parseJson"}, "parseJSON"), ({"operation": "PARSEXML"}, "parseXML"),
        ({"operation": "jsonata", "expression": "1"}, "custom"), ({"template": "x"}, "template"),
        ({"sources": ["a"]}, "merge"), ({"operations": [{"path": "a"}]}, "set"), ({"expression": "1"}, "custom"),
        ({}, "passthrough"), ({"operation": "dedupe"}, "deduplicate"),
    ],
)  # fmt: skip
def test_the_operation_is_found(given: dict[str, object], operation: str) -> None:
    assert TransformConfig.model_validate(given).operation == operation


def test_the_input_has_many_names() -> None:
    for name in ("inputData", "inputField", "inputArray", "input", "data"):
        assert TransformConfig.model_validate({name: [1]}).input_data == [1]
