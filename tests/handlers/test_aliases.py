"""Names of input and output nodes mean the value, those of others the object."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.handlers.aliases import alias_key
from tests.handlers.running import output


@pytest.mark.parametrize(
    ("node_type", "config", "key"),
    [
        ("input", {"inputName": "task", "inputVariable": "job"}, "task"),
        ("input", {"inputVariable": "job"}, "job"),
        ("input", {}, None),
        ("output", {"outputName": "r", "value": 1}, "r"),
        ("output", {"outputVariable": "r", "fields": []}, "r"),
        ("llm", {"outputVariable": "answer"}, None),
    ],
)
async def test_the_key_is_the_one_of_the_output(node_type: str, config: dict[str, Any], key: str | None) -> None:
    assert alias_key(node_type, config) == key
    if key is not None:
        assert list(await output(node_type, config)) == [key]
