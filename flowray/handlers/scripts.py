"""What an author's own JSONata or JavaScript may see, and how it is called in the sandbox. Evaluates nothing itself.

Only the names that an expression can read cross into the sandbox: contexts can be large, expressions are short.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flowray.expressions.foreign import jsonata_roots, script_roots
from flowray.expressions.names import Names
from flowray.expressions.stored_lists import whole
from flowray.handlers.handler import NodeInput
from flowray.values import Json

SCRIPT_TIMEOUT_MS = 5_000
"""Limit of one expression where the node sets none: far above any honest one, far below a person's patience."""

_TEMPLATE = re.compile(r"\{\{(.*?)\}\}|\$\{([^}]*)\}", re.DOTALL)
_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*\Z")
_ARROW = re.compile(r"=>|^\s*function\b")


def visible(names: Names) -> dict[str, Any]:
    """Every root name an expression may use, by priority (design, section 6). Secrets are not among them."""
    roots: dict[str, Any] = {}
    if names.flatten:
        for output in names.outputs.values():
            if isinstance(output, Mapping):
                roots.update(output)  # the latest in plan order wins (R6)
    roots.update({"inputs": dict(names.inputs), "var": dict(names.variables), "env": dict(names.env)})
    for source in (names.inputs, names.aliases, names.outputs, names.variables, names.shared, names.containers):
        roots.update(source)
    roots.update(names.bound)
    for key, container in (("loop", names.loop), ("parallel", names.parallel)):
        if container is not None:
            roots[key] = container if isinstance(container, dict) else dict(container)
    return roots


def jsonata_context(expression: str, names: Names) -> dict[str, Any]:
    """The visible names that a JSONata expression can read."""
    return _chosen(jsonata_roots(expression), names)


def script_context(expression: str, names: Names) -> dict[str, Any]:
    """The visible names that a JavaScript expression can read; only those that JavaScript can write as a name."""
    roots, everything = script_roots(expression)
    chosen = _chosen((roots, everything), names)
    return {name: value for name, value in chosen.items() if _IDENTIFIER.match(name)}


def _chosen(reads: tuple[frozenset[str], bool], names: Names) -> dict[str, Any]:
    roots, everything = reads
    return {name: whole(value) for name, value in visible(names).items() if everything or name in roots}


def is_javascript(expression: str) -> bool:
    """True for an arrow function or a function expression; JSONata's own lambdas begin ``$f := function``."""
    return _ARROW.search(expression) is not None


def without_templates(expression: str) -> str:
    """``{{a.b}} > 3`` as ``(a.b) > 3``: conditions of real files mix templates into expressions."""
    return _TEMPLATE.sub(lambda match: f"({(match.group(1) or match.group(2) or '').strip()})", expression)


async def call_javascript(
    node: NodeInput, body: str, parameters: Mapping[str, Json], seen: str, timeout_ms: int = SCRIPT_TIMEOUT_MS
) -> Json:
    """Run ``body`` as a JavaScript function body with ``parameters`` and the visible names that ``seen`` can read.

    Raises FlowrayError EXPRESSION_ERROR or EXPRESSION_TIMEOUT.
    """
    given = {**script_context(seen, node.names), **parameters}
    declared = ", ".join(sorted(given))
    unpack = f"const {{ {declared} }} = __given; " if declared else ""
    return await node.services.sandbox.javascript(f"(__given) => {{ {unpack}{body} }}", [given], timeout_ms)
