"""The services that the workflows in ``examples/`` call, as usual and in other moods. Answers only; no server."""

from __future__ import annotations

from typing import Any

from tests.example_replies import REPLIES

VARIANTS: dict[str, dict[tuple[str, str], tuple[int, Any]]] = {
    "usual": {},
    "shaky": {},
    "healthy": {("GET", "/report"): (200, {"services": [{"name": "api", "status": "up"}]})},
    "broken": {
        ("GET", "/report"): (503, {"error": "out of order"}),
        ("GET", "/prices"): (500, {"error": "no prices"}),
        ("GET", "/companies"): (404, {"error": "no such company"}),
        ("POST", "/complaints"): (500, {"error": "nobody reads this"}),
        ("GET", "/jobs/j-1"): (200, {"id": "j-1", "status": "running"}),
        ("GET", "/text"): (404, {"error": "no text"}),
    },
}
"""By variant: what differs from the usual replies."""

MORE: dict[tuple[str, str], tuple[int, Any]] = {
    ("GET", "/orders/8"): (200, {"id": 8, "priority": "high", "lines": [{"price": 5, "quantity": 1}]}),
    ("GET", "/orders/9"): (200, {"id": 9, "priority": "low", "lines": [{"price": 5, "quantity": 3}]}),
    ("GET", "/customers/c-2"): (200, {"id": "c-2", "name": "Grace", "plan": "enterprise"}),
}
"""Replies beyond those that each example needs once."""


def example_reply(variant: str, method: str, path: str) -> tuple[int, Any]:
    """Status and JSON body; 404 for what no service offers."""
    for replies in (VARIANTS[variant], MORE, REPLIES):
        if (method, path) in replies:
            return replies[method, path]
    return 404, {"error": f"nothing at {method} {path}"}
