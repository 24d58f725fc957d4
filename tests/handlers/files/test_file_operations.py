"""The fileOperations node: every operation, under the names that real definitions have."""

from __future__ import annotations

from flowray.errors import ErrorCode
from tests.fakes.made_documents import as_base64, pdf_of
from tests.fakes.services import fake_services
from tests.fakes.workspace import MemoryWorkspace
from tests.handlers.running import fail, output

FILES = {"in/a.txt": b"one", "in/b.csv": b"n\n1\n", "c.json": b"[1]", "d.pdf": pdf_of("Page")}


async def test_reading_and_parsing() -> None:
    services = fake_services(files=MemoryWorkspace(FILES))

    async def content(operation: str, **config: object) -> object:
        return (await output("fileOperations", {"operation": operation, **config}, services=services))["content"]

    assert await content("read", filePath="in/a.txt") == "one"
    assert await content("parsePDF", filePath="d.pdf") == "Page"
    assert await content("parse_csv", path="in/b.csv") == [{"n": "1"}]
    assert await content("parseJSON", path="c.json") == [1]
    assert await content("parse", file="in/a.txt") == "one"
    assert await content("parsePDF", fileSource="upload", fileData=as_base64(FILES["d.pdf"])) == "Page"
    assert await content("read", fileData={"content": "x"}) == "x"


async def test_writing_copying_moving_and_deleting() -> None:
    files = MemoryWorkspace(FILES)
    services = fake_services(files=files)

    async def done(operation: str, **config: object) -> dict[str, object]:
        found: dict[str, object] = await output("file", {"operation": operation, **config}, services=services)
        return found

    assert (await done("store", content={"a": 1}, outputPath="out/x.json"))["filePath"] == "out/x.json"
    assert (await done("write", content="y", path="y.txt"))["size"] == 1
    await done("copy", path="in/a.txt", destination="copied.txt")
    await done("move", path="y.txt", destination="z.txt")
    assert {path for _, path in files.files} == {*FILES, "out/x.json", "copied.txt", "z.txt"}
    listed = await done("list", path="in")
    assert (listed["count"], [file["path"] for file in listed["files"]]) == (2, ["in/a.txt", "in/b.csv"])  # type: ignore[attr-defined]
    assert (await done("list"))["count"] == 7
    assert [(await done("delete", path="z.txt"))["deleted"] for _ in range(2)] == [True, False]
    assert (await done("exists", path="z.txt"))["exists"] is False
    assert (await done("stat", path="in/a.txt"))["size"] == 3


async def test_what_fails() -> None:
    services = fake_services(files=MemoryWorkspace(FILES))
    for config, code in (
        ({"operation": "resize", "path": "c.json"}, ErrorCode.INVALID_NODE_CONFIG),
        ({"operation": "write", "content": "x"}, ErrorCode.INVALID_NODE_CONFIG),
        ({"operation": "copy", "path": "none", "destination": "x"}, ErrorCode.NOT_FOUND),
        ({"operation": "delete", "path": "../x"}, ErrorCode.FORBIDDEN),
        ({"operation": "parsePDF", "path": "c.json"}, ErrorCode.UNSUPPORTED_FORMAT),
        ({"operation": "write", "path": "c.json", "content": "x", "overwrite": False}, ErrorCode.CONFLICT),
        ({}, ErrorCode.INVALID_NODE_CONFIG),
    ):  # fmt: skip
        assert (await fail("fileOperations", config, services=services)).code == code, config
