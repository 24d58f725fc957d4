"""Reads text out of pictures by the program tesseract, through pytesseract. Runs in the killable process."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.documents.formats.limits import passed, unreadable
from flowray.handlers.extras import load_extra

MAX_PIXELS = 100_000_000
PROGRAM = "tesseract"


def read_picture(
    data: bytes, languages: Sequence[str], mode: int, grey: bool, least_confidence: float, timeout_s: float
) -> dict[str, Any]:
    """``{text, confidence, words: [{text, confidence, box}]}``: confidence from 0 to 100; a box is left, top, width and
    height in pixels. ``mode`` is tesseract's page segmentation. Words below ``least_confidence`` are left out.

    Raises UNSUPPORTED_FORMAT, FILE_LIMIT_EXCEEDED, MISSING_EXTRA, NODE_TIMEOUT.
    """
    tesseract = load_extra("pytesseract", "ocr")
    pictures = load_extra("PIL.Image", "ocr")
    try:
        with pictures.open(io.BytesIO(data)) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise passed("the picture", MAX_PIXELS, "pixels")
            picture = opened.convert("L" if grey else "RGB")
    except (OSError, ValueError, SyntaxError, pictures.DecompressionBombError) as error:
        raise unreadable("a picture", str(error)) from error
    try:
        found = tesseract.image_to_data(
            picture, lang="+".join(languages), config=f"--psm {mode}", timeout=timeout_s,
            output_type=tesseract.Output.DICT,
        )  # fmt: skip
    except tesseract.TesseractNotFoundError as error:
        raise missing_program() from error
    except tesseract.TesseractError as error:
        raise FlowrayError(
            ErrorCode.NODE_FAILED, f"tesseract failed: {str(error.message)[:300]}",
            hint=f"are the languages {', '.join(languages)} installed?",
        ) from error  # fmt: skip
    except RuntimeError as error:
        raise FlowrayError(ErrorCode.NODE_TIMEOUT, f"tesseract took longer than {timeout_s:g} s") from error
    return text_of_words(found, least_confidence)


def text_of_words(found: dict[str, list[Any]], least_confidence: float) -> dict[str, Any]:
    """Words by tesseract's columns, as lines and paragraphs."""
    words: list[dict[str, Any]] = []
    lines: dict[tuple[int, int], dict[int, list[str]]] = {}
    for at, text in enumerate(found["text"]):
        confidence = float(found["conf"][at])
        if not text.strip() or confidence < least_confidence:
            continue
        box = [found[name][at] for name in ("left", "top", "width", "height")]
        words.append({"text": text, "confidence": round(confidence, 1), "box": box})
        paragraph = found["block_num"][at], found["par_num"][at]
        lines.setdefault(paragraph, {}).setdefault(found["line_num"][at], []).append(text)
    text = "\n\n".join("\n".join(" ".join(line) for line in paragraph.values()) for paragraph in lines.values())
    mean = sum(word["confidence"] for word in words) / len(words) if words else 0.0
    return {"text": text, "confidence": round(mean, 1), "words": words}


def missing_program() -> FlowrayError:
    """What is raised where tesseract is not installed."""
    return FlowrayError(
        ErrorCode.MISSING_EXTRA, f"this needs the program {PROGRAM!r}, which is not installed",
        details={"program": PROGRAM, "extra": "ocr"},
        hint="install it with its languages, such as the packages tesseract-ocr and tesseract-ocr-deu, "
        "and pip install 'flowray[ocr]'",
    )  # fmt: skip
