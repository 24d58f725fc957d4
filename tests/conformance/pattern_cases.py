"""What the workflows in ``examples/patterns`` must do on the good path and on each bad one: a table read off them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PATTERNS = Path(__file__).resolve().parents[2] / "examples" / "patterns"

UP, DOWN = "http://up", "http://down"
"""A world whose services answer as ``REPLIES`` says, and one where all are out of order."""

REPLIES: dict[str, tuple[int, Any]] = {
    "GET /rates/EUR": (200, {"rate": 1.25}),
    "PUT /cache/EUR": (201, {}),
    "GET /cache/EUR": (200, {"rate": 1.2}),
    "GET /cache/XTS": (404, {"error": "nothing known"}),
    "POST /payments": (201, {"id": "p-1"}),
    "POST /incidents": (201, {"id": "i-7"}),
    "GET /contact": (200, {"name": "Ada"}),
    "POST /contacts": (201, {"id": "c-9"}),
    "POST /pages": (202, {}),
    "GET /articles?page=0": (200, {"published": True, "articles": [{"title": "One"}, {"title": "Two"}]}),
    "GET /articles?page=1": (200, {"published": False, "articles": [{"title": "Draft"}]}),
    "GET /articles?page=2": (500, {"error": "page 2 is broken"}),
    "GET /articles?page=3": (200, {"published": True, "articles": [{"title": "Three"}]}),
    "GET /articles?page=4": (200, {"published": True, "articles": []}),
    "GET /invoices/A-17": (200, {"total": 30}),
    "POST /billing": (201, {"id": "b-1"}),
    "POST /outages": (201, {"id": "o-1"}),
}

POINTS = {"yes": 2, "maybe": 1, "no": 0}
"""By the answer that is to be scored; any other answer is an error 500."""


@dataclass(frozen=True)
class PatternCase:
    """One run. ``completed`` counts the instances of each node that completed. ``sent``: bodies by ``METHOD /path``.

    ``models``: what each model answers; one that is not named is out of order. ``error``: code, node id, part of the
    message. ``answer``: what a person says when it pauses.
    """

    file: str
    name: str
    inputs: Mapping[str, Any]
    completed: Mapping[str, int]
    outputs: Mapping[str, Any]
    status: str = "completed"
    failed: Mapping[str, int] = field(default_factory=dict)
    skipped: Sequence[str] = ()
    error: tuple[str, str, str] | None = None
    models: Mapping[str, str] = field(default_factory=dict)
    sent: Mapping[str, Any] = field(default_factory=dict)
    answer: Any = None

    @property
    def id(self) -> str:
        """``file[name]``."""
        return f"{self.file}[{self.name}]"


def once(*node_ids: str, **more: int) -> dict[str, int]:
    """Each of these one time, those with a number so often."""
    return {**dict.fromkeys(node_ids, 1), **more}


_TEXT = {"text": "Long."}

SECOND_MODEL = [
    PatternCase(
        "second-model.yaml", "the first answers", _TEXT,
        completed=once("start", "ask_first", "chosen", "summary"), skipped=("ask_second",),
        outputs={"summary": {"text": "Short.", "model": "large-model"}}, models={"large-model": "Short."},
    ),
    PatternCase(
        "second-model.yaml", "the second answers", _TEXT,
        completed=once("start", "ask_second", "chosen", "summary"), failed=once("ask_first"),
        outputs={"summary": {"text": "Brief.", "model": "small-model"}}, models={"small-model": "Brief."},
    ),
    PatternCase(
        "second-model.yaml", "neither answers", _TEXT, status="failed",
        completed=once("start"), failed=once("ask_first", "ask_second"), skipped=("chosen", "summary"),
        outputs={}, error=("PROVIDER_ERROR", "ask_second", "small-model is out of order"),
    ),
]  # fmt: skip

CACHED_ANSWER = [
    PatternCase(
        "cached-answer.yaml", "a fresh rate",
        {"rates_url": f"{UP}/rates", "cache_url": f"{UP}/cache", "currency": "EUR"},
        completed=once("start", "ask", "remember", "fresh"), skipped=("recall", "old"),
        outputs={"rate": {"rate": 1.25, "old": False}}, sent={"PUT /cache/EUR": {"rate": 1.25}},
    ),
    PatternCase(
        "cached-answer.yaml", "a fresh rate, no cache",
        {"rates_url": f"{UP}/rates", "cache_url": f"{DOWN}/cache", "currency": "EUR"},
        completed=once("start", "ask", "remember", "fresh"), skipped=("recall", "old"),
        outputs={"rate": {"rate": 1.25, "old": False}},
    ),
    PatternCase(
        "cached-answer.yaml", "the rate of yesterday",
        {"rates_url": f"{DOWN}/rates", "cache_url": f"{UP}/cache", "currency": "EUR"},
        completed=once("start", "recall", "old"), failed=once("ask"), skipped=("remember", "fresh"),
        outputs={"rate": {"rate": 1.2, "old": True, "because": "HTTP_STATUS"}},
    ),
    PatternCase(
        "cached-answer.yaml", "nothing is known",
        {"rates_url": f"{DOWN}/rates", "cache_url": f"{UP}/cache", "currency": "XTS"}, status="failed",
        completed=once("start"), failed=once("ask", "recall"), skipped=("remember", "fresh", "old"), outputs={},
        error=("HTTP_STATUS", "recall", "answered 404"),
    ),
]  # fmt: skip

LOG_THEN_FAIL = [
    PatternCase(
        "log-then-fail.yaml", "booked", {"base_url": UP, "amount": 12.5},
        completed=once("start", "book", "booked"), skipped=("report", "give_up"), outputs={"payment": "p-1"},
        sent={"POST /payments": {"amount": 12.5}},
    ),
    PatternCase(
        "log-then-fail.yaml", "not booked", {"base_url": f"{UP}/closed", "amount": 12.5}, status="failed",
        completed=once("start", "report"), failed=once("book", "give_up"), skipped=("booked",), outputs={},
        error=("EXPRESSION_ERROR", "give_up", "payment not booked, see incident i-7"),
        sent={
            "POST /closed/incidents": {
                "node": "book", "code": "HTTP_STATUS", "attempt": 1,
                "message": "POST http://up/closed/payments answered 503 Reason",
            }
        },
    ),
]  # fmt: skip

ERROR_HANDLER = [
    PatternCase(
        "error-handler.yaml", "all is well", {"source_url": UP, "target_url": UP, "on_call_url": UP},
        completed=once("start", "read", "write", "copied"), skipped=("tell", "told"), outputs={"copied": "c-9"},
        sent={"POST /contacts": {"name": "Ada"}},
    ),
    PatternCase(
        "error-handler.yaml", "nothing to read", {"source_url": DOWN, "target_url": UP, "on_call_url": UP},
        status="failed", completed=once("start", "tell", "told"), failed=once("read"), skipped=("write", "copied"),
        outputs={"told": 202},
        error=("HTTP_STATUS", "read", "answered 503"),
        sent={
            "POST /pages": {
                "node": "read", "code": "HTTP_STATUS", "message": "GET http://down/contact answered 503 Reason",
                "failures": 1,
            }
        },
    ),
    PatternCase(
        "error-handler.yaml", "nobody takes it", {"source_url": UP, "target_url": DOWN, "on_call_url": UP},
        status="failed", completed=once("start", "read", "tell", "told"), failed=once("write"),
        skipped=("copied",), outputs={"told": 202}, error=("HTTP_STATUS", "write", "answered 503"),
    ),
]  # fmt: skip

PAGED_EXPORT = [
    PatternCase(
        "paged-export.yaml", "five pages, one broken", {"base_url": UP},
        completed=once(
            "start", "pages", "flat", "result", "seen", "pass", "last", page=4, kind=4, titles_of_page=2, keep=2
        ),
        failed=once("page"), skipped=("last", "pass", "titles_of_page", "keep", "kind"),
        outputs={"titles": ["One", "Two", "Three"], "pages": 5},
    ),
    PatternCase(
        "paged-export.yaml", "the limit comes first", {"base_url": UP, "limit": 2},
        completed=once("start", "pages", "flat", "result", "seen", "pass", page=2, kind=2, titles_of_page=1, keep=1),
        skipped=("last", "pass", "titles_of_page", "keep"), outputs={"titles": ["One", "Two"], "pages": 2},
    ),
    PatternCase(
        "paged-export.yaml", "nobody there", {"base_url": DOWN, "limit": 3},
        completed=once("start", "pages", "flat", "result", "seen"), failed={"page": 3},
        skipped=("kind", "last", "pass", "titles_of_page", "keep"), outputs={"titles": [], "pages": 3},
    ),
]  # fmt: skip

_ADA, _BOB = {"name": "ada", "answers": ["yes", "no", "yes"]}, {"name": "bob", "answers": ["maybe"]}

SCORE_ANSWERS = [
    PatternCase(
        "score-answers.yaml", "two candidates", {"base_url": UP, "candidates": [_ADA, _BOB]},
        completed=once("start", "candidates", "result", answers=2, score=4, points=4, total=2),
        outputs={"scores": {"ada": 4, "bob": 1}},
    ),
    PatternCase(
        "score-answers.yaml", "an answer that cannot be scored",
        {"base_url": UP, "candidates": [_ADA, {"name": "eve", "answers": ["yes", "?"]}]},
        completed=once("start", "candidates", "result", answers=2, score=4, points=4, total=2), failed=once("score"),
        skipped=("points",), outputs={"scores": {"ada": 4, "eve": 2}},
    ),
    PatternCase(
        "score-answers.yaml", "nobody", {"base_url": UP, "candidates": []},
        completed=once("start", "candidates", "result"), outputs={"scores": {}},
    ),
]  # fmt: skip


def _ticket(name: str, category: str, way: str, ticket: str) -> PatternCase:
    return PatternCase(
        "ticket-desk.yaml", name, {"base_url": UP, "category": category, "text": "Help."},
        completed=once("start", "desk", way, "sent"),
        skipped=tuple(other for other in ("billing", "outage", "mailbox") if other != way), outputs={"ticket": ticket},
    )  # fmt: skip


TICKET_DESK = [
    _ticket("a wildcard", "billing/refund", "billing", "b-1"),
    _ticket("without regard to case", "Outage", "outage", "o-1"),
    _ticket("the default", "praise", "mailbox", "in the mailbox"),
    PatternCase(
        "ticket-desk.yaml", "the desk is closed", {"base_url": DOWN, "category": "outage", "text": "Help."},
        status="failed", completed=once("start", "desk"), failed=once("outage"),
        skipped=("billing", "mailbox", "sent"), outputs={}, error=("HTTP_STATUS", "outage", "answered 503"),
    ),
]  # fmt: skip

ASK_A_PERSON = [
    PatternCase(
        "ask-a-person.yaml", "the service reads it", {"base_url": UP, "invoice": "A-17"},
        completed=once("start", "read", "total", "result"), skipped=("person",),
        outputs={"invoice": {"total": 30, "read_by": "service"}},
    ),
    PatternCase(
        "ask-a-person.yaml", "a person reads it", {"base_url": DOWN, "invoice": "A-17"}, answer={"total": 29},
        completed=once("start", "person", "total", "result"), failed=once("read"),
        outputs={"invoice": {"total": 29, "read_by": "person"}},
    ),
]  # fmt: skip

CASES: list[PatternCase] = [
    *SECOND_MODEL, *CACHED_ANSWER, *LOG_THEN_FAIL, *ERROR_HANDLER, *PAGED_EXPORT, *SCORE_ANSWERS, *TICKET_DESK,
    *ASK_A_PERSON,
]  # fmt: skip
