"""What a list of values comes to: a sum, a mean, a group. Pure functions on JSON; reads no config."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.node_config import number_of, text_of
from flowray.values import Json, canonical_json

Numbers = list[float]

_OF_NUMBERS: dict[str, Callable[[Numbers], float | None]] = {
    "sum": sum,
    "product": lambda numbers: _product(numbers),
    "average": lambda numbers: sum(numbers) / len(numbers) if numbers else None,
    "median": lambda numbers: statistics.median(numbers) if numbers else None,
    "min": lambda numbers: min(numbers, default=None),
    "max": lambda numbers: max(numbers, default=None),
    "range": lambda numbers: max(numbers) - min(numbers) if numbers else None,
    "variance": lambda numbers: statistics.pvariance(numbers) if numbers else None,
    "stddev": lambda numbers: statistics.pstdev(numbers) if numbers else None,
}
_OF_VALUES: dict[str, Callable[[list[Json]], Json]] = {
    "count": len,
    "countDistinct": lambda values: len(distinct(values)),
    "distinct": lambda values: distinct(values),
    "collect": list,
    "first": lambda values: values[0] if values else None,
    "last": lambda values: values[-1] if values else None,
    "concat": lambda values: _joined(values),
}
_SPELLINGS = {
    "avg": "average", "mean": "average", "total": "sum", "add": "sum", "multiply": "product", "minimum": "min",
    "maximum": "max", "length": "count", "size": "count", "std": "stddev", "unique": "distinct", "list": "collect",
    "array": "collect", "push": "collect", "join": "concat", "concatenate": "concat", "countunique": "countDistinct",
    "standarddeviation": "stddev",
}  # fmt: skip
_BY_LOWER = {name.lower(): name for name in (*_OF_NUMBERS, *_OF_VALUES)}

KNOWN = (*_OF_NUMBERS, *_OF_VALUES)


def operation_named(name: str) -> str | None:
    """The operation of that name, in any spelling; None if there is none."""
    lowered = name.strip().lower()
    return _BY_LOWER.get(_SPELLINGS.get(lowered, lowered).lower())


def aggregate(values: Sequence[Json], name: str) -> Json:
    """What ``values`` come to. Operations on numbers leave out what is none; of no numbers a sum is 0, a mean null.

    Raises NODE_FAILED for an unknown operation.
    """
    known = operation_named(name)
    if known is None:
        raise FlowrayError(ErrorCode.NODE_FAILED, f"unknown aggregate {name!r}; known: {', '.join(KNOWN)}")
    if known in _OF_VALUES:
        return _OF_VALUES[known](list(values))
    numbers = [number for value in values if (number := number_of(value)) is not None]
    return _OF_NUMBERS[known](numbers)


def distinct(values: Sequence[Json]) -> list[Json]:
    """Each value once, where it first occurs."""
    kept: dict[bytes, Json] = {}
    for value in values:
        kept.setdefault(canonical_json(value), value)
    return list(kept.values())


def _product(numbers: Numbers) -> float:
    product: float = 1
    for number in numbers:
        product *= number
    return product


def _joined(values: list[Json]) -> Json:
    """Lists one after the other, else texts: whatever is no text is written as a template would write it."""
    if values and all(isinstance(value, list) for value in values):
        return [item for value in values for item in value]
    return "".join(text_of(value) for value in values)
