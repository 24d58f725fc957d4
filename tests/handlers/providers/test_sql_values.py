"""Values between JSON and drivers."""

from __future__ import annotations

import datetime
import ipaddress
import uuid
from decimal import Decimal
from typing import Any

import pytest

from flowray.handlers.providers.sql_values import as_rows, distinct, parameter, to_json


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None), ("x", "x"), (True, True), (2**70, 2**70), (1.5, 1.5), (float("nan"), None),
        (Decimal("1.50"), 1.5), (Decimal(100), 100), (Decimal("1E+3"), 1000), (Decimal("NaN"), None),
        (Decimal("0.12345678901234567890"), "0.12345678901234567890"),
        (datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC), "2026-01-02T03:04:05+00:00"),
        (datetime.date(2026, 1, 2), "2026-01-02"), (datetime.time(3, 4), "03:04:00"),
        (datetime.timedelta(hours=1), "1:00:00"), (b"\x00\xff", "AP8="), (memoryview(b"a"), "YQ=="),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"), ({"a": [Decimal("0.5")]}, {"a": [0.5]}),
        (ipaddress.ip_address("10.0.0.1"), "10.0.0.1"),
    ],
)  # fmt: skip
def test_values_of_rows(value: Any, expected: Any) -> None:
    found = to_json(value)
    assert found == expected
    assert type(found) is type(expected)


def test_parameters() -> None:
    assert parameter({"a": 1}, "postgresql") == '{"a":1}'
    assert parameter([1, 2], "postgresql") == [1, 2]
    assert parameter([{"a": 1}], "postgresql") == '[{"a":1}]'
    assert parameter([1, 2], "sqlite") == "[1,2]"
    assert parameter(5, "mysql") == 5


def test_columns_of_the_same_name() -> None:
    columns = distinct(["id", "name", "id"])
    assert columns == ["id", "name", "id_2"]
    assert as_rows(columns, [(1, "a", 2)]) == [{"id": 1, "name": "a", "id_2": 2}]
