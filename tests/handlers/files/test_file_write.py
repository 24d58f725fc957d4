"""The fileWrite node."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.errors import ErrorCode
from tests.fakes.services import fake_services
from tests.fakes.workspace import MemoryWorkspace
from tests.handlers.running import fail, output


@pytest.mark.parametrize(
    ("config", "path", "data"),
    [
        (
            {"path": "/backups/sync_2024:01.json", "content": {"é": [1]}},
            "backups/sync_2024_01.json",
            '{\n  "é": [\n    1\n  ]\n}',
        ),
        ({"filePath": "a.txt", "data": "x é"}, "a.txt", "x é"),
        ({"path": "n", "content": 7}, "n", "7"),
        ({"path": "n", "content": None}, "n", ""),
    ],
)
async def test_what_is_written(config: dict[str, Any], path: str, data: str) -> None:
    files = MemoryWorkspace()
    found = await output("fileWrite", config, services=fake_services(files=files))
    assert (found["path"], found["size"], found["written"]) == (path, len(data.encode()), True)
    assert files.files["e1", path].decode() == data


async def test_encodings() -> None:
    files = MemoryWorkspace()
    services = fake_services(files=files)
    await output("fileWrite", {"path": "a", "content": "AAE=", "encoding": "base64"}, services=services)
    await output("fileWrite", {"path": "b", "content": "data:x/y;base64,AAE=", "encoding": "binary"}, services=services)
    await output("fileWrite", {"path": "c", "content": "é", "encoding": "latin1"}, services=services)
    assert list(files.files.values()) == [b"\0\1", b"\0\1", b"\xe9"]


async def test_what_cannot_be_written() -> None:
    services = fake_services(files=MemoryWorkspace({"a": b"x"}))
    for config, code in (
        ({"path": "a", "content": "y", "overwrite": False}, ErrorCode.CONFLICT),
        ({"path": "../a", "content": "y"}, ErrorCode.FORBIDDEN),
        ({"path": "b", "content": "no base64", "encoding": "base64"}, ErrorCode.INVALID_NODE_CONFIG),
        ({"path": "b", "content": "€", "encoding": "latin1"}, ErrorCode.INVALID_NODE_CONFIG),
        ({"path": "b"}, ErrorCode.INVALID_NODE_CONFIG), ({"content": "b"}, ErrorCode.INVALID_NODE_CONFIG),
    ):  # fmt: skip
        assert (await fail("fileWrite", config, services=services)).code == code, config
    assert (await output("fileWrite", {"path": "a", "content": "x", "overwrite": False}, services=services))["written"]
