"""Names of node instances and scopes (R52): ``scope/…/node``, a scope being ``node[index]``, a root node its bare id.

Ids are percent-encoded, so ``/``, ``[`` and ``]`` never collide with the separators.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

_SAFE = " -_.~:@!$&'()*+,;="
_PLAIN = re.compile(r"[A-Za-z0-9 \-_.~:@!$&'()*+,;=]*").fullmatch


def encode_id(node_id: str) -> str:
    """A node id as it stands in an instance id."""
    # Nearly all ids are plain, and quote() would cost more than the rest of a step.
    return node_id if _PLAIN(node_id) else quote(node_id, safe=_SAFE)


def instance_id(scope: str, node_id: str) -> str:
    """The instance of a node in a scope; the root scope is ``""``."""
    encoded = encode_id(node_id)
    return f"{scope}/{encoded}" if scope else encoded


def scope_id(container_instance: str, index: int) -> str:
    """The scope of one iteration or branch of a container instance."""
    return f"{container_instance}[{index}]"


def split_instance(instance: str) -> tuple[str, str]:
    """``(scope, node_id)`` of an instance id."""
    scope, _, encoded = instance.rpartition("/")
    return scope, unquote(encoded) if "%" in encoded else encoded


def visit(tries: int, step: int = 0) -> str:
    """Tells what one instance asks of the outer world apart: a new one for each step and each of its tries (R31).

    What it waits for after a step, before any try of the next one, is that of try 0.
    """
    return f"{step}.{tries}" if step else str(tries)


def waitpoint_key(instance: str, tries: int, name: str = "", step: int = 0) -> str:
    """Names a waitpoint among those of its execution (R30). No instance begins with ``/``, so names cannot collide."""
    return f"/{name}" if name else f"{instance}#{visit(tries, step)}"


def parent_of_scope(scope: str) -> tuple[str, int]:
    """``(container instance, index)`` of a scope id other than the root."""
    container, _, rest = scope.rpartition("[")
    return container, int(rest[:-1])
