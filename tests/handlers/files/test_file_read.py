"""The fileRead node."""

from __future__ import annotations

from flowray.errors import ErrorCode
from tests.fakes.services import fake_services
from tests.fakes.workspace import MemoryWorkspace
from tests.handlers.running import fail, output

FILES = {"a.txt": "é".encode(), "b.png": b"\x89PNG\r\n\x1a\n", "c.json": b'{"a": 1}', "d.txt": "é".encode("latin-1")}


async def test_text_bytes_and_json() -> None:
    services = fake_services(files=MemoryWorkspace(FILES))
    found = await output("fileRead", {"path": "/a.txt"}, services=services)
    assert found == {"content": "é", "path": "a.txt", "fileName": "a.txt", "size": 2, "mimeType": "text/plain",
                     "encoding": "utf-8"}  # fmt: skip
    image = await output("fileRead", {"filePath": {"path": "b.png"}}, services=services)
    assert (image["content"], image["encoding"]) == ("iVBORw0KGgo=", "base64")
    assert (await output("fileRead", {"path": "c.json", "parseJson": True}, services=services))["content"] == {"a": 1}
    assert (await output("fileRead", {"path": "d.txt", "encoding": "latin1"}, services=services))["content"] == "é"
    assert (await output("fileRead", {"path": "a.txt", "encoding": "binary"}, services=services))["content"] == "w6k="


async def test_what_cannot_be_read() -> None:
    services = fake_services(files=MemoryWorkspace(FILES))
    for config, code in (
        ({"path": "none"}, ErrorCode.NOT_FOUND), ({"path": "../a.txt"}, ErrorCode.FORBIDDEN),
        ({"path": "a.txt", "maxSize": 1}, ErrorCode.FILE_LIMIT_EXCEEDED),
        ({"path": "a.txt", "parseJson": True}, ErrorCode.UNSUPPORTED_FORMAT), ({}, ErrorCode.INVALID_NODE_CONFIG),
    ):  # fmt: skip
        assert (await fail("fileRead", config, services=services)).code == code, config
