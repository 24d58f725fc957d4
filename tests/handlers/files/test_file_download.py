"""The fileDownload node."""

from __future__ import annotations

from flowray.errors import ErrorCode
from tests.fakes.pages import pages
from tests.fakes.services import fake_services
from tests.fakes.workspace import MemoryWorkspace
from tests.handlers.running import fail, output


async def test_a_download_is_a_file_of_the_workspace() -> None:
    files, http = MemoryWorkspace(), pages(**{"a.csv": (200, "text/csv", b"a,b")})
    services = fake_services(files=files, http=http)
    found = await output("fileDownload", {"url": " http://h/x/a.csv"}, services=services)
    assert found == {
        "path": "downloads/a.csv",
        "fileName": "a.csv",
        "filename": "a.csv",
        "size": 3,
        "mimeType": "text/csv",
        "contentType": "text/csv",
        "url": "http://h/x/a.csv",
    }
    named = await output("fileDownload", {"url": "http://h/a.csv", "filename": "in/b.csv"}, services=services)
    assert (named["path"], files.files["e1", "in/b.csv"]) == ("in/b.csv", b"a,b")


async def test_what_is_refused() -> None:
    services = fake_services(http=pages(a=(200, "text/csv", b"a,b")))
    for config, code in (
        ({"url": "http://h/none"}, ErrorCode.HTTP_STATUS),
        ({"url": "file:///etc/passwd"}, ErrorCode.INVALID_NODE_CONFIG),
        ({"url": "http://h/a", "allowedContentTypes": ["application/pdf"]}, ErrorCode.UNSUPPORTED_FORMAT),
        ({"url": "http://h/a", "maxSize": 2}, ErrorCode.FILE_LIMIT_EXCEEDED),
        ({}, ErrorCode.INVALID_NODE_CONFIG),
        ({"url": "http://h/a", "filename": "../b"}, ErrorCode.FORBIDDEN),
    ):
        assert (await fail("fileDownload", config, services=services)).code == code, config
