"""The names that references resolve to, in their order of priority (design, section 6).

Loop, parallel, shared memory, variables, node outputs, inputs, env. Holds values; knows no syntax.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class Missing:
    """The result of looking up a name that nothing provides. Falsy, and equal only to itself."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "MISSING"


MISSING = Missing()


class Names(msgspec.Struct, frozen=True, gc=False):
    """Values by root name.

    ``loop`` and ``parallel`` are the nearest ones (``index``, ``item``, …) or None; ``containers`` has every enclosing
    one by node id. ``outputs`` maps node ids to outputs, ``aliases`` names such as ``outputVariable`` to values.
    ``known`` are node ids of the workflow that may be unresolved because they did not run: they read null, not missing
    (R6). ``flatten`` offers the keys of outputs as names of last resort. ``bound`` holds the names that enclosing
    loops and parallels give to their item and index, innermost winning; they come before all others. ``now_ms`` (since
    the epoch) and ``elapsed_ms`` (since the execution started) are what ``$now`` and ``$elapsed`` read.
    ``partly_loaded``: some values are lists of which only parts are in memory (R16).
    """

    loop: Mapping[str, Any] | None = None
    parallel: Mapping[str, Any] | None = None
    containers: Mapping[str, Mapping[str, Any]] = {}
    shared: Mapping[str, Any] = {}
    variables: Mapping[str, Any] = {}
    outputs: Mapping[str, Any] = {}
    aliases: Mapping[str, Any] = {}
    inputs: Mapping[str, Any] = {}
    env: Mapping[str, str] = {}
    secrets: Mapping[str, str] = {}
    known: frozenset[str] = frozenset()
    flatten: bool = False
    bound: Mapping[str, Any] = {}
    now_ms: int | None = None
    elapsed_ms: int | None = None
    partly_loaded: bool = False
