"""The ocrExtraction node around the program."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.errors import ErrorCode
from flowray.handlers.documents import ocr_extraction
from tests.fakes.services import fake_services
from tests.fakes.workspace import MemoryWorkspace
from tests.handlers.running import fail, output

FILES = {"a.png": b"one", "b.png": b"two"}


def _read(data: bytes, languages: list[str], mode: int, grey: bool, least: float, timeout_s: float) -> dict[str, Any]:
    return {"text": f"{data.decode()} {'+'.join(languages)} {mode}", "confidence": 90.0, "words": [{"text": "x"}]}


@pytest.fixture
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr_extraction.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(ocr_extraction, "read_picture", _read)


@pytest.mark.usefixtures("_installed")
async def test_one_picture_and_several() -> None:
    services = fake_services(files=MemoryWorkspace(FILES))
    found = await output("ocrExtraction", {"image": "a.png", "language": "eng+deu", "psm": 6}, services=services)
    assert found == {
        "text": "one eng+deu 6",
        "confidence": 90.0,
        "languages": ["eng", "deu"],
        "fileName": "a.png",
        "size": 3,
    }
    config = {"imageSource": {"files": [{"path": "a.png"}, {"path": "b.png"}]}, "outputFormat": "json"}
    several = await output("ocrExtraction", config, services=services)
    assert (several["text"], several["documentCount"]) == ("one eng 3\n\n---\n\ntwo eng 3", 2)
    assert several["documents"][0]["words"] == [{"text": "x"}]
    for languages in ("", ["eng", "--psm"], ["../x"]):
        error = await fail("ocrExtraction", {"image": "a.png", "languages": languages}, services=services)
        assert error.code == ErrorCode.INVALID_NODE_CONFIG


async def test_without_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr_extraction.shutil, "which", lambda name: None)
    error = await fail("ocrExtraction", {"image": "a.png"})
    assert (error.code, "tesseract-ocr" in (error.hint or "")) == (ErrorCode.MISSING_EXTRA, True)
