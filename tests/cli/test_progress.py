"""What a person sees of an execution."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from flowray.cli.progress import Progress


def show(*events: dict[str, Any], enabled: bool = True) -> list[str]:
    text = io.StringIO()
    progress = Progress(Console(file=text, soft_wrap=True, highlight=False), enabled=enabled)
    for index, event in enumerate(events):
        ts = event.get("ts", f"2026-01-01T00:00:0{index}.000Z")
        progress.show({"instance": "n", "node_id": "n", **event, "ts": ts})
    return text.getvalue().splitlines()


def test_a_node_from_start_to_end() -> None:
    lines = show(
        {"type": "node.started", "node_type": "http", "attempt": 1},
        {"type": "node.completed", "attempt": 1, "ts": "2026-01-01T00:00:00.250Z"},
    )
    assert [line[2:] for line in lines] == ["n (http)", "n 250 ms"]


def test_a_second_attempt_says_so_and_longer_times_are_seconds() -> None:
    lines = show(
        {
            "type": "node.retrying",
            "next_attempt": 2,
            "delay_ms": 1500,
            "error": {"message": "busy", "code": "HTTP_ERROR"},
        },
        {"type": "node.started", "node_type": "http", "attempt": 2},
        {"type": "node.failed", "error": {"message": "gone", "code": "HTTP_ERROR"}, "routed": True},
    )
    assert [line[2:] for line in lines] == [
        "n: busy; attempt 2 in 1.5 s",
        "n (http, attempt 2)",
        "n 1.0 s: HTTP_ERROR: gone (handled by its error edge)",
    ]


def test_what_was_taken_over_is_said_and_what_is_void_is_not() -> None:
    pinned, void = {"type": "node.reused", "pinned": True}, {"type": "node.skipped", "void": True}
    lines = show({"type": "node.reused"}, pinned, void)
    assert [line[2:] for line in lines] == ["n reused", "n pinned"]


def test_streams_take_turns_on_lines_of_their_own() -> None:
    lines = show(
        {"type": "node.token", "instance": "a", "text": "one "},
        {"type": "node.token", "instance": "a", "text": "two"},
        {"type": "node.token", "instance": "b", "text": "three"},
        {"type": "node.completed", "instance": "a", "usage": {"input_tokens": 3, "output_tokens": 2}},
    )
    assert [line[4:] for line in lines[:2]] == ["one two", "three"]
    assert lines[2].endswith("a · 3 + 2 tokens")


def test_the_branch_taken_is_shown_and_the_plain_handle_is_not() -> None:
    lines = show(
        {"type": "node.completed", "handles": ["true", "source"]},
        {"type": "node.completed", "handles": ["source"]},
        {"type": "node.skipped"},
    )
    assert [line[2:] for line in lines] == ["n → true", "n", "n skipped"]


def test_iterations_waits_logs_cancels_and_the_end() -> None:
    lines = show(
        {"type": "scope.started", "index": 1, "total": 3},
        {"type": "scope.started", "index": 1, "total": -1},
        {"type": "node.waiting", "due_at": "2026-01-01T00:01:00Z"},
        {"type": "node.log", "level": "warning", "message": "odd [b]"},
        {"type": "node.cancelled"},
        {"type": "execution.timed_out"},
    )
    assert [line[2:] for line in lines] == [
        "n: 2 of 3", "n: 2", "n waits until 2026-01-01T00:01:00Z", "n: warning: odd [b]", "n cancelled",
        "execution timed out",
    ]  # fmt: skip


def test_what_nobody_needs_to_see_is_left_out() -> None:
    assert show({"type": "node.ready"}, {"type": "execution.started"}, {"type": "variable.changed"}) == []


def test_quiet_is_quiet() -> None:
    assert show({"type": "node.skipped"}, enabled=False) == []
