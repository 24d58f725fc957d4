"""The contract of ``ocrExtraction``: the program tesseract, where it is installed."""

from __future__ import annotations

import io
import shutil
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from flowray.errors import ErrorCode
from tests.contracts.contract import Case, Contract
from tests.contracts.filing import gives, has_code, on_disk


def _written(text: str) -> bytes:
    image = Image.new("L", (900, 120), 255)
    ImageDraw.Draw(image).text((20, 20), text, fill=0, font_size=64)
    buffer = io.BytesIO()
    image.save(buffer, "png")
    return buffer.getvalue()


def _cases(folder: Path) -> Sequence[Case]:
    return [
        Case("one", {"image": "a.png", "psm": 7}, gives(text="Invoice 123")),
        Case("another", {"image": "b.png", "psm": 7}, gives(text="Amount 45")),
        Case("no picture", {"image": "c.txt"}, has_code(ErrorCode.UNSUPPORTED_FORMAT), fails=True),
    ]


def _missing() -> str | None:
    return None if shutil.which("tesseract") else "tesseract is not installed"


FILES = {"a.png": _written("Invoice 123"), "b.png": _written("Amount 45"), "c.txt": b"no"}

CONTRACTS = [Contract("ocrExtraction", "tesseract", lambda: on_disk(_cases, FILES), _missing)]
