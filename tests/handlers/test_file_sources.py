"""Where files come from: what is read, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.file_sources import Source, read_source, read_sources
from flowray.handlers.handler import NodeInput
from flowray.handlers.services import HttpRequest, HttpResponse
from tests.fakes.made_documents import as_base64, pdf_of
from tests.fakes.services import ScriptedHttp, fake_services, node_input
from tests.fakes.workspace import MemoryWorkspace


def node(files: dict[str, bytes] | None = None, **given: Any) -> NodeInput:
    services = fake_services(files=MemoryWorkspace(files), **given)
    return node_input({}, services=services, files_of="e1")


def web(status: int = 200, content: bytes = b"web", **headers: str) -> ScriptedHttp:
    found = {name.replace("_", "-"): value for name, value in headers.items()}
    return ScriptedHttp(lambda request: HttpResponse(status, "said", found, content, request.url, 1))


@pytest.mark.parametrize(
    "value",
    ["in/a.txt", "/in/a.txt", "./in//a.txt", {"path": "in/a.txt"}, {"filePath": "/in/a.txt", "size": 1}],
)
async def test_a_path_of_the_workspace(value: Any) -> None:
    assert await read_source(node({"in/a.txt": b"x"}), value) == Source("a.txt", "text/plain", b"x", "in/a.txt")


@pytest.mark.parametrize(
    ("value", "name", "kind", "data"),
    [
        ("data:text/html;base64,PGI+", "", "text/html", b"<b>"),
        ("data:,a%20b", "", "text/plain", b"a b"),
        ("data:text/plain;name=a%20b.txt;base64,YQ", "a b.txt", "text/plain", b"a"),
        ({"fileName": "a.pdf", "fileType": "pdf", "base64": as_base64(b"x")}, "a.pdf", "application/pdf", b"x"),
        ({"name": "a.bin", "data": "YWI\n"}, "a.bin", "application/octet-stream", b"ab"),
        ({"filename": "a.md", "base64": "data:text/plain;base64,YQ=="}, "a.md", "text/plain", b"a"),
        ({"fileName": "note.md", "content": "# é"}, "note.md", "text/markdown", "# é".encode()),
        ({"content": "words"}, "file", "text/plain", b"words"),
    ],
)
async def test_data_that_comes_along(value: Any, name: str, kind: str, data: bytes) -> None:
    assert await read_source(node(), value) == Source(name, kind, data)


async def test_a_download_has_the_name_and_type_that_the_server_says() -> None:
    http = web(content=b"a,b", content_type="text/csv", content_disposition='attachment; filename="../x y.csv"')
    assert await read_source(node(http=http), "https://h/get?id=1") == Source("x y.csv", "text/csv", b"a,b")
    (sent,) = http.sent
    assert (sent.method, sent.url) == ("GET", "https://h/get?id=1")
    extended = web(content_disposition="attachment; filename*=UTF-8''%C3%A9.pdf; filename=x")
    assert (await read_source(node(http=extended), {"url": "http://h/"})).name == "é.pdf"
    plain = await read_source(node(http=web(content=pdf_of("x"))), "http://h/a/b%20c")
    assert (plain.name, plain.media_type) == ("b c", "application/pdf")
    assert (await read_source(node(http=web()), "http://h")).name == "download"


class _Folder:
    async def read(self, path: str, *, limit_bytes: int | None = None) -> bytes | None:
        return b"outside" if path.startswith("/data/") else None


async def test_a_folder_that_may_be_read_comes_before_the_workspace() -> None:
    given = node({"data/a.txt": b"inside", "etc/passwd": b"mine"}, read_roots=_Folder())
    assert await read_source(given, "/data/a.txt") == Source("a.txt", "text/plain", b"outside")
    assert (await read_source(given, "data/a.txt")).data == b"inside"
    assert (await read_source(given, "/etc/passwd")).data == b"mine"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, ErrorCode.INVALID_NODE_CONFIG),
        ("  ", ErrorCode.INVALID_NODE_CONFIG),
        (7, ErrorCode.INVALID_NODE_CONFIG),
        ({"fileName": "a"}, ErrorCode.INVALID_NODE_CONFIG),
        ("data:text/plain", ErrorCode.INVALID_NODE_CONFIG),
        ({"base64": "a"}, ErrorCode.INVALID_NODE_CONFIG),
        ("nowhere.txt", ErrorCode.NOT_FOUND),
        ("../secret", ErrorCode.FORBIDDEN),
        ("a/../../secret", ErrorCode.FORBIDDEN),
        ("file:///etc/passwd", ErrorCode.FORBIDDEN),
        ({"url": "ftp://h/a"}, ErrorCode.FORBIDDEN),
        ({"url": "../secret"}, ErrorCode.FORBIDDEN),
        ("data:,12345", ErrorCode.FILE_LIMIT_EXCEEDED),
        ({"base64": as_base64(b"12345")}, ErrorCode.FILE_LIMIT_EXCEEDED),
        ({"content": "12345"}, ErrorCode.FILE_LIMIT_EXCEEDED),
        ("big", ErrorCode.FILE_LIMIT_EXCEEDED),
        ("http://h/12345", ErrorCode.FILE_LIMIT_EXCEEDED),
    ],
)
async def test_what_is_refused(value: Any, code: str) -> None:
    with pytest.raises(FlowrayError) as raised:
        await read_source(node({"big": b"12345"}, http=web(content=b"12345")), value, limit_bytes=4)
    assert raised.value.code == code


@pytest.mark.parametrize(("status", "retryable"), [(404, False), (503, True)])
async def test_a_download_that_fails(status: int, retryable: bool) -> None:
    with pytest.raises(FlowrayError, match=f"answered {status} said") as raised:
        await read_source(node(http=web(status)), "http://h/a")
    assert (raised.value.code, raised.value.retryable) == (ErrorCode.HTTP_STATUS, retryable)


async def test_several_files() -> None:
    given = node({"a": b"1", "b": b"2"})
    assert [one.data for one in await read_sources(given, ["a", {"path": "b"}])] == [b"1", b"2"]
    assert [one.data for one in await read_sources(given, {"files": [{"path": "b"}], "fileCount": 1})] == [b"2"]
    for wrong in ([], ["a"] * 101):
        with pytest.raises(FlowrayError, match="one to 100"):
            await read_sources(given, wrong)


def _unused(request: HttpRequest) -> HttpResponse:
    raise AssertionError(request.url)


async def test_a_data_url_that_is_far_too_long_is_not_decoded() -> None:
    with pytest.raises(FlowrayError, match="the data URL has"):
        await read_source(node(http=ScriptedHttp(_unused)), "data:;base64," + "A" * 1_000, limit_bytes=10)
