"""What the workflows in ``examples/`` must do with several inputs each: a reviewed table, read off the definitions."""

from __future__ import annotations

import json
from typing import Any

from tests.acceptance.cases import Case
from tests.example_replies import EXAMPLES

DEAD = "http://127.0.0.1:9"
"""Nobody listens on the discard port."""


def _hello(services: str) -> list[Case]:
    warning = "Write one short warning for the board: 1 of 3 services are down, namely"
    good = "Write one friendly sentence for the team: all 1 services are up."
    common = ("start", "fetch", "facts", "healthy", "result", "numbers")
    down = {"total": 3, "down": ["mail"], "problems": 1}
    return [
        _case(
            "hello.json", "one service is down", {"base_url": f"{services}/usual", "audience": "the board"},
            completed=(*common, "alarm"), skipped=("calm",), outputs={"summary": "Mail is down!", "facts": down},
            asked=((f'{warning} ["mail"].', "Mail is down!"),),
        ),
        _case(
            "hello.json", "all is well", {"base_url": f"{services}/healthy"},
            completed=(*common, "calm"), skipped=("alarm",), asked=((good, "All is up."),),
            outputs={"summary": "All is up.", "facts": {"total": 1, "down": [], "problems": 0}},
        ),
        _case(
            "hello.json", "the first two answers are 503", {"base_url": f"{services}/shaky", "audience": "the shop"},
            completed=(*common, "alarm"), skipped=("calm",), outputs={"summary": "No mail!", "facts": down},
            asked=((f'{warning.replace("board", "shop")} ["mail"].', "No mail!"),),
        ),
        _case(
            "hello.json", "the report stays out of order", {"base_url": f"{services}/broken"}, status="failed",
            completed=("start",), failed=("fetch",), outputs={},
            skipped=("facts", "healthy", "calm", "alarm", "result", "numbers"),
            error={"code": "HTTP_STATUS", "node_id": "fetch", "message": "answered 503", "attempt": 3},
        ),
    ]  # fmt: skip


def _order_triage(services: str) -> list[Case]:
    def order(number: int, lane: str, worth: int, handling: str) -> Case:
        others = tuple(one for one in ("express", "careful", "normal") if one != lane)
        return _case(
            "order-triage.yaml", f"{lane}", {"base_url": f"{services}/usual", "order_id": number},
            completed=("start", "order", "worth", "lane", lane, "done"), skipped=others,
            outputs={"triage": {"order": number, "worth": worth, "handling": handling}},
        )  # fmt: skip

    missing = _case(
        "order-triage.yaml", "no such order", {"base_url": f"{services}/usual", "order_id": 404}, status="failed",
        completed=("start",), failed=("order",), outputs={},
        skipped=("worth", "lane", "express", "careful", "normal", "done"),
        # 404 is no passing trouble: the second attempt that the policy allows is not made.
        error={"code": "HTTP_STATUS", "node_id": "order", "message": "answered 404", "attempt": 1},
    )  # fmt: skip
    wrong = _case(
        "order-triage.yaml", "an id that is no number", {"base_url": services, "order_id": "seven"},
        refused={"status": 422, "code": "INVALID_INPUT", "pointer": "/inputs/order_id"},
    )  # fmt: skip
    return [
        order(7, "careful", 1050, "check by hand"), order(8, "express", 5, "ship today"),
        order(9, "normal", 15, "ship this week"), missing, wrong,
    ]  # fmt: skip


def _fallback_source(services: str) -> list[Case]:
    good, bad = f"{services}/usual/prices", f"{services}/broken/prices"
    prices = {"apple": 1.5, "pear": 2}
    return [
        _case(
            "fallback-source.yaml", "the second answers", {"primary_url": bad, "secondary_url": good},
            completed=("start", "secondary", "prices", "reason", "result"), failed=("primary",),
            outputs={"degraded": True, "prices": prices},
        ),
        _case(
            "fallback-source.yaml", "the first answers", {"primary_url": good, "secondary_url": bad},
            completed=("start", "primary", "prices", "result"), skipped=("secondary", "reason"),
            outputs={"prices": prices},
        ),
        _case(
            "fallback-source.yaml", "neither answers", {"primary_url": DEAD, "secondary_url": bad}, status="failed",
            completed=("start",), failed=("primary", "secondary"), skipped=("prices", "reason", "result"), outputs={},
            error={"code": "HTTP_STATUS", "node_id": "secondary", "message": "answered 500", "attempt": 1},
        ),
    ]  # fmt: skip


def _enrich_contact(services: str) -> list[Case]:
    nodes = ("start", "profile", "company", "contact", "saved", "result", "status")
    person = {"name": "Ada", "email": "ada@example.com"}
    return [
        _case(
            "enrich-contact.json", "both know her", {"base_url": f"{services}/usual", "email": "ada@example.com"},
            completed=nodes,
            outputs={"contact": {**person, "company": "Example Ltd", "size": 12}, "saved": 201},
        ),
        _case(
            "enrich-contact.json", "no such company", {"base_url": f"{services}/broken", "email": "ada@example.com"},
            completed=nodes, outputs={"contact": person, "saved": 201},
        ),
        _case(
            "enrich-contact.json", "not an address", {"base_url": f"{services}/usual", "email": 7},
            refused={"status": 422, "code": "INVALID_INPUT", "pointer": "/inputs/email"},
        ),
    ]  # fmt: skip


def _review_digest(services: str) -> list[Case]:
    common = ("start", "reviews", "critical", "sorted", "texts", "any")
    ask = "Name the common complaint in these reviews:"
    two, one = ["Leaks everywhere.", "The lid leaks."], ["Leaks everywhere."]

    def digest(name: str, limit: dict[str, int], texts: list[str], theme: str) -> Case:
        return _case(
            "review-digest.yaml", name, {"base_url": f"{services}/usual", **limit},
            completed=(*common, "theme", "digest"), skipped=("nothing",),
            asked=((f"{ask} {json.dumps(texts, separators=(',', ':'))}", theme),),
            outputs={"digest": {"theme": theme, "reviews": texts}},
        )  # fmt: skip

    nothing = _case(
        "review-digest.yaml", "nobody complains", {"base_url": f"{services}/usual", "limit": 0},
        completed=(*common, "nothing"), skipped=("theme", "digest"),
        outputs={"digest": {"theme": None, "reviews": []}},
    )  # fmt: skip
    return [
        digest("up to three stars", {}, two, "It leaks."),
        digest("one star only", {"limit": 1}, one, "It leaks all over."),
        nothing,
    ]


def _invoice_check(services: str) -> list[Case]:
    def invoice(name: str, base: str, total: int, complaint: int | None, *, sent: bool) -> Case:
        nodes = ("start", "sum", "correct", "result")
        lines = [{"amount": 10}, {"amount": 19}]
        check = {"invoice": "A-17", "computed": 29, "correct": total == 29, "complaint": complaint}
        return _case(
            "invoice-check.json", name,
            {"base_url": base, "invoice": {"number": "A-17", "total": total, "lines": lines}},
            completed=(*nodes, "complain") if sent else nodes, skipped=() if sent else ("complain",),
            outputs={"check": check},
        )  # fmt: skip

    return [
        invoice("wrong sum", f"{services}/usual", 30, 202, sent=True),
        invoice("right sum", f"{services}/usual", 29, None, sent=False),
        invoice("wrong sum, nobody takes complaints", f"{services}/broken", 31, 500, sent=True),
        invoice("wrong sum, nobody there", DEAD, 28, None, sent=True),
    ]


def _translate(services: str) -> list[Case]:
    def into(language: str, given: dict[str, str], plain: str, formal: str, verdict: str) -> Case:
        return _case(
            "translate.yaml", language, {"base_url": f"{services}/usual", **given},
            completed=("start", "text", "plain", "formal", "verdict", "result"),
            asked=(
                (f"Translate into plain {language}: The quick brown fox.", plain),
                (f"Translate into formal {language}: The quick brown fox.", formal),
                (f"Which reads better? 1: {plain} 2: {formal} Answer with 1 or 2.", verdict),
            ),
            outputs={"translations": {"plain": plain, "formal": formal, "verdict": verdict}},
        )  # fmt: skip

    missing = _case(
        "translate.yaml", "no text", {"base_url": f"{services}/broken"}, status="failed", completed=("start",),
        failed=("text",), skipped=("plain", "formal", "verdict", "result"), outputs={},
        error={"code": "HTTP_STATUS", "node_id": "text", "message": "answered 404"},
    )  # fmt: skip
    return [
        into("French", {}, "Le vif renard.", "Le renard prompt.", "1"),
        into("German", {"language": "German"}, "Der flinke Fuchs.", "Der geschwinde Fuchs.", "2"),
        missing,
    ]


def _poll_job(services: str) -> list[Case]:
    nodes = ("start", "job", "pause", "state", "finished")
    done = {"job": {"id": "j-1", "result": 42}}
    return [
        _case(
            "poll-job.yaml", "done after the default wait", {"base_url": f"{services}/usual"},
            completed=(*nodes, "ready"), skipped=("late",), outputs=done,
        ),
        _case(
            "poll-job.yaml", "done without a wait", {"base_url": f"{services}/usual", "wait_ms": 0},
            completed=(*nodes, "ready"), skipped=("late",), outputs=done,
        ),
        _case(
            "poll-job.yaml", "not done", {"base_url": f"{services}/broken", "wait_ms": 1},
            completed=(*nodes, "late"), skipped=("ready",), outputs={"job": {"id": "j-1", "result": None}},
        ),
    ]  # fmt: skip


def _settings_merge(services: str) -> list[Case]:
    nodes = ("start", "defaults", "changed", "custom", "merged", "result", "about")

    def merge(name: str, base: str, own: dict[str, Any], merged: dict[str, Any]) -> Case:
        source = "customer" if own else "defaults"
        return _case(
            "settings-merge.json", name, {"base_url": base, **({"settings": own} if own else {})},
            completed=(*nodes, "mark") if own else nodes, skipped=() if own else ("mark",),
            outputs={"settings": merged, "about": {"changed": list(own), "source": source}},
        )  # fmt: skip

    return [
        merge("one of their own", f"{services}/usual", {"theme": "dark"}, {"theme": "dark", "rows": 20}),
        merge("none of their own", f"{services}/usual", {}, {"theme": "light", "rows": 20}),
        merge("nobody there: the fallback", DEAD, {"rows": 5}, {"theme": "light", "rows": 5}),
    ]


def _support_reply(services: str) -> list[Case]:
    base = f"{services}/usual"

    def reply(name: str, customer: str, who: str, message: str, promise: str) -> Case:
        lane, other = ("fast", "slow") if promise == "within the hour" else ("slow", "fast")
        prompt = f"{who} writes: {message}\nPromise an answer {promise}."
        return _case(
            "support-reply.json", name, {"base_url": base, "customer_id": customer, "message": message},
            completed=("start", "customer", "urgent", lane, "draft", "reply"), skipped=("unknown", other),
            asked=((prompt, f"Dear {who}, {promise}."),),
            outputs={"reply": {"to": who, "text": f"Dear {who}, {promise}.", "promise": promise}},
        )  # fmt: skip

    problem = f"No customer c-404: GET {base}/customers/c-404 answered 404 Not Found"
    unknown = _case(
        "support-reply.json", "an unknown customer: the error edge",
        {"base_url": base, "customer_id": "c-404", "message": "Hello?"},
        completed=("start", "unknown"), failed=("customer",), skipped=("urgent", "fast", "slow", "draft", "reply"),
        outputs={"problem": problem},
    )  # fmt: skip
    return [
        reply("something is broken", "c-1", "Ada", "The export is broken.", "within the hour"),
        reply("a question", "c-1", "Ada", "How do I export?", "by tomorrow"),
        reply("an enterprise customer", "c-2", "Grace", "How do I import?", "within the hour"),
        unknown,
    ]


def _case(file: str, name: str, inputs: dict[str, Any], **expected: Any) -> Case:
    text = (EXAMPLES / file).read_text(encoding="utf-8")
    return Case(id=f"{file}[{name}]", definition=text, inputs=inputs, **expected)


def example_cases(world: str) -> list[Case]:
    """Every case, against the services under ``world``."""
    services = f"{world}/examples"
    return [
        *_hello(services), *_order_triage(services), *_fallback_source(services),
        *_enrich_contact(services), *_review_digest(services), *_invoice_check(services), *_translate(services),
        *_poll_job(services), *_settings_merge(services), *_support_reply(services),
    ]  # fmt: skip
