"""Media as authors give them, and as nodes put them out."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest

from flowray.errors import FlowrayError
from flowray.handlers.ai import media
from flowray.handlers.ai.media import made_file, media_type, read_medium
from flowray.handlers.model_calls import Medium
from flowray.handlers.providers.fake_media import png, speech
from flowray.handlers.services import HttpRequest, HttpResponse
from flowray.handlers.workspace import NoWorkspace
from tests.fakes.services import ScriptedHttp, fake_services, node_input
from tests.fakes.workspace import MemoryWorkspace

WAV = speech("hi", "wav")
WAV64 = base64.b64encode(WAV).decode()


def answering(status: int, content: bytes = b"", headers: Mapping[str, str] | None = None) -> ScriptedHttp:
    def answer(request: HttpRequest) -> HttpResponse:
        return HttpResponse(status, "", headers or {}, content, request.url, 1)

    return ScriptedHttp(answer)


def node(**services: Any) -> Any:
    given = {"files": MemoryWorkspace({"memos/a.wav": WAV, "b.bin": b"noise"}, ""), **services}
    return node_input({}, services=fake_services(**given))


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (WAV64, "audio/wav"),
        (f"data:audio/x-wav;base64,{WAV64}", "audio/wav"),
        ({"base64": WAV64}, "audio/wav"),
        ({"fileName": "a.wav", "fileType": "wav", "fileData": WAV64}, "audio/wav"),
        ({"audio": {"base64": WAV64, "mediaType": "audio/mpeg"}}, "audio/mpeg"),
        ({"audio": {"path": "memos/a.wav"}}, "audio/wav"),
        ("memos/a.wav", "audio/wav"),
        ([WAV64], "audio/wav"),
    ],
)
async def test_each_way_gives_the_file(given: Any, kind: str) -> None:
    found = await read_medium(node(), given, "recording")
    assert (found.content, found.media_type) == (WAV, kind)


async def test_an_address_is_downloaded_through_the_transport() -> None:
    http = answering(200, WAV, {"Content-Type": "application/octet-stream"})
    found = await read_medium(node(http=http), "https://h/x/memo.wav?sig=1", "recording")
    assert (found.content, found.media_type, found.name) == (WAV, "audio/wav", "memo.wav")
    assert http.sent[0].url == "https://h/x/memo.wav?sig=1"
    found = await read_medium(node(http=answering(200, b"??", {"content-type": "audio/ogg; x=y"})), "http://h/a", "x")
    assert found.media_type == "audio/ogg"
    with pytest.raises(FlowrayError) as caught:
        await read_medium(node(http=answering(503)), {"url": "https://h/a.wav"}, "recording")
    assert (caught.value.code, caught.value.retryable) == ("HTTP_STATUS", True)


@pytest.mark.parametrize("given", [None, "", 7, {}, {"x": 1}, "{{memo}}", "data:audio/wav;base64", [WAV64, WAV64]])
async def test_what_is_no_file_is_refused(given: Any) -> None:
    with pytest.raises(FlowrayError) as caught:
        await read_medium(node(), given, "recording")
    assert caught.value.code == "INVALID_NODE_CONFIG"


async def test_a_file_that_is_not_there_or_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FlowrayError) as caught:
        await read_medium(node(), "memos/none.wav", "recording")
    assert caught.value.code == "NOT_FOUND"
    monkeypatch.setattr(media, "LIMIT_BYTES", 10)
    with pytest.raises(FlowrayError) as caught:
        await read_medium(node(), {"base64": WAV64}, "recording")
    assert caught.value.code == "FILE_LIMIT_EXCEEDED"


def test_media_types_by_bytes_and_names() -> None:
    assert media_type(png("x", 1, 1), "a.jpg") == "image/png"
    assert media_type(b"??", "song.M4A") == "audio/mp4"
    assert media_type(b"??", "song") is None


async def test_what_a_model_made_lies_in_the_workspace() -> None:
    asking = node()
    view = await made_file(asking, Medium(WAV, "audio/wav"), "audio", inline=False)
    assert (view["mediaType"], view["size"], "base64" in view) == ("audio/wav", len(WAV), False)
    assert await asking.services.files.read(asking.files_of, view["path"]) == WAV
    again = await made_file(asking, Medium(WAV, "audio/wav"), "audio", inline=True)
    assert (again["path"], again["base64"]) == (view["path"], WAV64)


async def test_without_a_workspace_it_stands_in_the_output(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = node(files=NoWorkspace())
    assert await made_file(bare, Medium(WAV, "audio/wav"), "audio", inline=False) == {
        "mediaType": "audio/wav", "size": len(WAV), "base64": WAV64,
    }  # fmt: skip
    linked = await made_file(bare, Medium(None, "image/png", "https://h/a.png"), "images", inline=True)
    assert linked == {"mediaType": "image/png", "url": "https://h/a.png"}
    monkeypatch.setattr(media, "INLINE_BYTES", 10)
    with pytest.raises(FlowrayError) as caught:
        await made_file(bare, Medium(WAV, "audio/wav"), "audio", inline=False)
    assert caught.value.code == "OUTPUT_TOO_LARGE"
