"""What a name that means a node reads of its output: all of it, or one key. Finds no providers; that is the compiler's.

A node's output is its object and ``outputVariable`` an alias to it (design, section 6). Input and output nodes name the
value inside instead: their output is ``{name: value}``, so ``{{name}}`` must be the value and ``{{node.name}}`` too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NAMING_FIELDS = {
    "input": ("inputName", "inputVariable", "variableName"),
    "output": ("outputName", "outputVariable", "name"),
}
"""By type: the config fields that may hold the one key of its output, in the order in which its model reads them."""


def alias_key(node_type: str, config: Mapping[str, Any]) -> str | None:
    """The key of the node's output that its aliases mean; None for the output as a whole."""
    for field in _NAMING_FIELDS.get(node_type, ()):
        name = config.get(field)
        if isinstance(name, str) and name:
            return name
    return None
