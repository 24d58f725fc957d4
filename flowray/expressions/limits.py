"""The limits of the expression language, and the one error it raises. Not a place for syntax or evaluation."""

from __future__ import annotations

from flowray.errors import ErrorCode, FlowrayError

MAX_EXPRESSION_CHARS = 20_000
"""Longest expression. Real ones stay below 300; the rest is room for generated ones."""

MAX_DEPTH = 200
"""Deepest tree. One pair of parentheses costs two levels, so some 100 of them nest within the interpreter's stack."""

MAX_TEXT_CHARS = 64 * 1024 * 1024
"""Longest text an expression or a template may produce: the size limit of one value (design, section 6)."""

MAX_LIST_ITEMS = 1_000_000
"""Longest list that an expression may build itself. Lists that it only passes on are not counted."""

MAX_STEPS = 2_000_000
"""Work one evaluation may do: one step per tree node, and one per 64 characters or items that a method goes through."""


def expression_error(message: str, hint: str | None = None) -> FlowrayError:
    """EXPRESSION_ERROR with a message; the caller raises it."""
    return FlowrayError(ErrorCode.EXPRESSION_ERROR, message, hint=hint)


def within_text_limit(length: int) -> None:
    """Raise EXPRESSION_ERROR if a text of so many characters would be too long to build."""
    if length > MAX_TEXT_CHARS:
        raise expression_error(
            f"the text would have {length} characters; the limit is {MAX_TEXT_CHARS}",
            "shorten it with slice() or | truncate, or pass the value itself instead of its text",
        )


def within_list_limit(length: int) -> None:
    """Raise EXPRESSION_ERROR if a list of so many items would be too long to build."""
    if length > MAX_LIST_ITEMS:
        raise expression_error(f"the list would have {length} items; an expression builds at most {MAX_LIST_ITEMS}")
