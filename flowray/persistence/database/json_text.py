"""Conditions on columns that hold JSON as text: a list that holds a text, an object that holds a pair of texts.

By the bytes, so upper and lower case differ in every database. Not a query language for JSON.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ColumnElement, Text, func, or_, type_coerce

from flowray.values import encode_json


def holds_text(column: Column[Any], text: str) -> ColumnElement[bool]:
    """The column's list of texts holds this one."""
    return _begins_or_follows(column, "[", _quoted(text))


def holds_pair(column: Column[Any], name: str, value: str) -> ColumnElement[bool]:
    """The column's object of texts has this value under this name."""
    return _begins_or_follows(column, "{", f"{_quoted(name)}:{_quoted(value)}")


def _begins_or_follows(column: Column[Any], opening: str, part: str) -> ColumnElement[bool]:
    """What stands in quotes within a text is escaped, so a part follows the end of another one only where it is one.

    Not LIKE, which on SQLite takes upper and lower case for the same.
    """
    stored, first = type_coerce(column, Text), opening + part
    return or_(func.substr(stored, 1, len(first)) == first, func.replace(stored, f'",{part}', "") != stored)


def _quoted(text: str) -> str:
    return encode_json(text).decode()
