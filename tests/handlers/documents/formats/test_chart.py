"""Charts are drawn, and the same data is the same file."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from flowray.handlers.documents.chart_data import chart_data
from flowray.handlers.documents.formats.chart import _KINDS, ChartLook, draw_chart

DATA = chart_data([{"m": f"month {at}", "a": at, "b": 10 - at} for at in range(8)])


@pytest.mark.parametrize("kind", [*_KINDS, "pie", "doughnut"])
def test_every_kind(kind: str) -> None:
    look = ChartLook(kind, "Costs: $5 to $10", "x", "y", 400, 300, values=True)
    drawn = draw_chart(DATA, look)
    image = Image.open(io.BytesIO(drawn)).convert("RGB")
    assert image.size == (400, 300)
    assert len(image.getcolors(200_000) or ()) > 5  # something is on it
    assert draw_chart(DATA, look) == drawn


@pytest.mark.parametrize(("format", "magic"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_formats(format: str, magic: bytes) -> None:
    assert draw_chart(DATA, ChartLook("bar", theme="dark", format=format)).startswith(magic)


@pytest.mark.parametrize("kind", ["bar", "pie"])
def test_no_data_is_said_on_the_chart(kind: str) -> None:
    assert b"No data" not in draw_chart(DATA, ChartLook(kind))
    empty = draw_chart(chart_data([]), ChartLook(kind, format="svg"))
    assert b"No data" in empty or b"text_1" in empty
    assert draw_chart(chart_data([0, 0]), ChartLook(kind)).startswith(b"\x89PNG")
