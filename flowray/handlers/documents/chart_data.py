"""What a chart is to show, out of the many shapes in which data for charts is written. Draws nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.documents.formats.chart import ChartData, Series
from flowray.handlers.documents.json_text import from_text
from flowray.handlers.node_config import number_of, text_of
from flowray.values import Json

MAX_SERIES = 50
MAX_POINTS = 20_000
"""Of all series together."""

_LABELS = ("label", "name", "category", "x", "date", "month", "key", "title", "segment", "group")
_VALUES = ("data", "values", "y")


def chart_data(data: Json, labels: Json = None) -> ChartData:
    """Data as a list of numbers, of ``{label, data}``, of records, of points; an object of numbers; Chart.js's
    ``{labels, datasets}``; or any of them as JSON text, code fences allowed. An empty list is an empty chart.

    Raises INVALID_NODE_CONFIG where there is nothing that could be drawn, FILE_LIMIT_EXCEEDED for too much.
    """
    found = _read(from_text(data), _texts(from_text(labels)))
    points = sum(len(series.values) for series in found.series)
    if len(found.series) > MAX_SERIES or points > MAX_POINTS:
        raise FlowrayError(
            ErrorCode.FILE_LIMIT_EXCEEDED,
            f"the chart would have {len(found.series)} series with {points} points; the limits are {MAX_SERIES} and "
            f"{MAX_POINTS}",
            details={"series": len(found.series), "points": points}, hint="aggregate the data first",
        )  # fmt: skip
    longest = max((len(series.values) for series in found.series), default=0)
    named = tuple(str(at) for at in range(len(found.labels) + 1, longest + 1))
    return ChartData(found.labels + named, found.series)


def _read(data: Json, labels: tuple[str, ...]) -> ChartData:
    if isinstance(data, Mapping):
        return _from_object(data, labels)
    if not isinstance(data, list):
        raise _nothing(data)
    if not data:
        return ChartData(labels, ())
    if all(number_of(item) is not None or item is None for item in data):
        return ChartData(labels, (Series("", _numbers(data)),))
    if all(isinstance(item, list | tuple) and len(item) == 2 for item in data):
        return _from_pairs(data, labels)
    if all(isinstance(item, Mapping) for item in data):
        if all(any(isinstance(item.get(key), list) for key in _VALUES) for item in data):
            return ChartData(labels, tuple(_dataset(item) for item in data))
        return _from_records(data, labels)
    raise _nothing(data)


def _from_object(data: Mapping[str, Any], labels: tuple[str, ...]) -> ChartData:
    own = _texts(data.get("labels") or data.get("categories")) or labels
    for key in ("datasets", "series", "data", "values"):
        if isinstance(data.get(key), list | Mapping):
            return _read(data[key], own)
    numbers = {key: item for key, item in data.items() if number_of(item) is not None}
    if numbers:
        return ChartData(tuple(numbers), (Series("", _numbers(list(numbers.values()))),))
    lists = {
        key: item for key, item in data.items() if isinstance(item, list) and item and number_of(item[0]) is not None
    }
    if lists:
        return ChartData(own, tuple(Series(key, _numbers(item)) for key, item in lists.items()))
    raise _nothing(data)


def _dataset(item: Mapping[str, Any]) -> Series:
    values = next(item[key] for key in _VALUES if isinstance(item.get(key), list))
    name = next((text_of(item[key]) for key in ("label", "name") if item.get(key) is not None), "")
    if values and isinstance(values[0], Mapping) and {"x", "y"} <= set(values[0]):
        return Series(name, _numbers([at.get("y") for at in values]), _numbers([at.get("x") for at in values]))
    return Series(name, _numbers(values))


def _from_pairs(data: Sequence[Any], labels: tuple[str, ...]) -> ChartData:
    if all(number_of(pair[0]) is not None for pair in data):
        return ChartData(
            labels, (Series("", _numbers([pair[1] for pair in data]), _numbers([pair[0] for pair in data])),)
        )
    return ChartData(_texts([pair[0] for pair in data]), (Series("", _numbers([pair[1] for pair in data])),))


def _from_records(data: Sequence[Mapping[str, Any]], labels: tuple[str, ...]) -> ChartData:
    """Each field that holds numbers is a series; the first that holds text, or is called a label, names the places."""
    keys = list(dict.fromkeys(key for record in data for key in record))
    if {"x", "y"} <= set(keys) and all(number_of(record.get("x")) is not None for record in data):
        xs, ys = [record.get("x") for record in data], [record.get("y") for record in data]
        return ChartData(labels, (Series("", _numbers(ys), _numbers(xs)),))
    numeric = [key for key in keys if any(number_of(record.get(key)) is not None for record in data)]
    known = [key for key in keys if key.lower() in _LABELS]
    named = next((key for key in (*known, *keys) if any(isinstance(record.get(key), str) for record in data)), None)
    series = [key for key in numeric if key != named]
    if not series:
        raise _nothing(data)
    if named is not None and not labels:
        labels = tuple(text_of(record.get(named)) for record in data)
    return ChartData(labels, tuple(Series(key, _numbers([record.get(key) for record in data])) for key in series))


def _numbers(values: Sequence[Any]) -> tuple[float, ...]:
    found = (number_of(value) for value in values)
    return tuple(math.nan if value is None or not math.isfinite(value) else float(value) for value in found)


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(text_of(value)[:200] for value in values) if isinstance(values, list) else ()


def _nothing(data: Json) -> FlowrayError:
    kind = "null" if data is None else type(data).__name__
    return FlowrayError(
        ErrorCode.INVALID_NODE_CONFIG, f"there is nothing in the data of the chart ({kind}) that could be drawn",
        details={"data": text_of(data)[:200]},
        hint="give a list of numbers, of records with a number, or of {label, data}",
    )  # fmt: skip
