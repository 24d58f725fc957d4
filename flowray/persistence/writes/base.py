"""Bases of all writes and results. Apart, so that each concept can have a module of its own for its writes."""

from __future__ import annotations

import msgspec


class Write(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="write", kw_only=True):
    """Base of all writes."""

    def touches(self) -> tuple[str, ...]:
        """Names of what the write reads or changes: writes that touch the same thing keep their order (``stages``)."""
        return ()


class Result(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="result", kw_only=True):
    """Base of all results."""
