"""Text out of pictures: what becomes of tesseract's words, and what is no picture. The program itself: contracts."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.documents.formats import ocr


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 10), "white").save(buffer, "png")
    return buffer.getvalue()


def test_words_become_lines_and_paragraphs() -> None:
    found: dict[str, list[Any]] = {
        "text": ["", "Invoice", "123", "Amount", "~", "Total"], "conf": ["-1", "96.04", 90, 80, 10, 70],
        "left": [0, 1, 2, 3, 4, 5], "top": [0] * 6, "width": [9] * 6, "height": [8] * 6,
        "block_num": [1, 1, 1, 1, 1, 2], "par_num": [1] * 6, "line_num": [0, 1, 1, 2, 2, 1],
    }  # fmt: skip
    read = ocr.text_of_words(found, 50)
    assert (read["text"], read["confidence"]) == ("Invoice 123\nAmount\n\nTotal", 84.0)
    assert read["words"][0] == {"text": "Invoice", "confidence": 96.0, "box": [1, 0, 9, 8]}
    assert ocr.text_of_words({"text": [], "conf": []}, 0) == {"text": "", "confidence": 0.0, "words": []}


def test_what_is_no_picture_or_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    for data, code in ((b"no", ErrorCode.UNSUPPORTED_FORMAT), (picture(), ErrorCode.FILE_LIMIT_EXCEEDED)):
        monkeypatch.setattr(ocr, "MAX_PIXELS", 100)
        with pytest.raises(FlowrayError) as raised:
            ocr.read_picture(data, ["eng"], 3, True, 0, 5)
        assert raised.value.code == code


def test_without_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytesseract.pytesseract.tesseract_cmd", "no-such-program")
    with pytest.raises(FlowrayError, match="'tesseract', which is not installed") as raised:
        ocr.read_picture(picture(), ["eng"], 3, True, 0, 5)
    assert raised.value.code == ErrorCode.MISSING_EXTRA
