"""What the services in ``examples/`` answer, for a loopback server: (method, path) → status and JSON body.

The inputs of each example, and the outputs that these replies lead to, language model texts aside.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"

REPLIES: dict[tuple[str, str], tuple[int, Any]] = {
    ("GET", "/report"): (
        200,
        {
            "services": [
                {"name": "api", "status": "up"},
                {"name": "mail", "status": "down"},
                {"name": "db", "status": "up"},
            ]
        },
    ),
    ("GET", "/orders/7"): (
        200,
        {"id": 7, "priority": "low", "lines": [{"price": 400, "quantity": 2}, {"price": 250, "quantity": 1}]},
    ),
    ("GET", "/broken"): (503, {"error": "out of order"}),
    ("GET", "/prices"): (200, {"apple": 1.5, "pear": 2}),
    ("GET", "/people"): (200, {"name": "Ada", "email": "ada@example.com"}),
    ("GET", "/companies"): (200, {"name": "Example Ltd", "employees": 12}),
    ("POST", "/contacts"): (201, {"id": "c-9"}),
    ("GET", "/reviews"): (
        200,
        [
            {"stars": 5, "text": "Lovely."},
            {"stars": 2, "text": "The lid leaks."},
            {"stars": 1, "text": "Leaks everywhere."},
        ],
    ),
    ("POST", "/complaints"): (202, {"accepted": True}),
    ("GET", "/text"): (200, {"body": "The quick brown fox."}),
    ("POST", "/jobs"): (201, {"id": "j-1"}),
    ("GET", "/jobs/j-1"): (200, {"id": "j-1", "status": "done", "result": 42}),
    ("GET", "/settings"): (200, {"theme": "light", "rows": 20}),
    ("GET", "/customers/c-1"): (200, {"id": "c-1", "name": "Ada", "plan": "free"}),
}

INPUTS: dict[str, dict[str, Any]] = {
    "hello.json": {"base_url": "{server}"},
    "order-triage.yaml": {"base_url": "{server}", "order_id": 7},
    "fallback-source.yaml": {"primary_url": "{server}/broken", "secondary_url": "{server}/prices"},
    "enrich-contact.json": {"base_url": "{server}", "email": "ada@example.com"},
    "review-digest.yaml": {"base_url": "{server}"},
    "invoice-check.json": {
        "base_url": "{server}",
        "invoice": {"number": "A-17", "total": 30, "lines": [{"amount": 10}, {"amount": 19}]},
    },
    "translate.yaml": {"base_url": "{server}"},
    "poll-job.yaml": {"base_url": "{server}"},
    "settings-merge.json": {"base_url": "{server}", "settings": {"theme": "dark"}},
    "support-reply.json": {
        "base_url": "{server}",
        "customer_id": "c-1",
        "message": "The export is broken since this morning.",
    },
}
"""By file; ``{server}`` stands for the base URL of the server."""

EXECUTED: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "hello.json": (
        frozenset({"start", "fetch", "facts", "healthy", "alarm", "result", "numbers"}),
        frozenset({"calm"}),
    ),
    "order-triage.yaml": (
        frozenset({"start", "order", "worth", "lane", "careful", "done"}),
        frozenset({"express", "normal"}),
    ),
    "fallback-source.yaml": (frozenset({"start", "secondary", "prices", "reason", "result"}), frozenset()),
    "enrich-contact.json": (
        frozenset({"start", "profile", "company", "contact", "saved", "result", "status"}),
        frozenset(),
    ),
    "review-digest.yaml": (
        frozenset({"start", "reviews", "critical", "sorted", "texts", "any", "theme", "digest"}),
        frozenset({"nothing"}),
    ),
    "invoice-check.json": (frozenset({"start", "sum", "correct", "complain", "result"}), frozenset()),
    "translate.yaml": (frozenset({"start", "text", "plain", "formal", "verdict", "result"}), frozenset()),
    "poll-job.yaml": (frozenset({"start", "job", "pause", "state", "finished", "ready"}), frozenset({"late"})),
    "settings-merge.json": (
        frozenset({"start", "defaults", "changed", "custom", "mark", "merged", "result", "about"}),
        frozenset(),
    ),
    "support-reply.json": (
        frozenset({"start", "customer", "urgent", "fast", "draft", "reply"}),
        frozenset({"unknown", "slow"}),
    ),
}
"""By file: the nodes that complete and those that are skipped. ``primary`` of the fallback fails on its error port."""

OUTPUTS: dict[str, dict[str, Any]] = {
    "hello.json": {"facts": {"total": 3, "down": ["mail"], "problems": 1}},
    "order-triage.yaml": {"triage": {"order": 7, "worth": 1050, "handling": "check by hand"}},
    "fallback-source.yaml": {"degraded": True, "prices": {"apple": 1.5, "pear": 2}},
    "enrich-contact.json": {
        "contact": {"name": "Ada", "email": "ada@example.com", "company": "Example Ltd", "size": 12},
        "saved": 201,
    },
    "review-digest.yaml": {},
    "invoice-check.json": {"check": {"invoice": "A-17", "computed": 29, "correct": False, "complaint": 202}},
    "translate.yaml": {},
    "poll-job.yaml": {"job": {"id": "j-1", "result": 42}},
    "settings-merge.json": {
        "settings": {"theme": "dark", "rows": 20},
        "about": {"changed": ["theme"], "source": "customer"},
    },
    "support-reply.json": {},
}
"""By file: outputs that do not depend on a language model."""
