"""Shows an execution's events live on stderr: nodes as they start and end, tokens as they come. Prints no data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rich.console import Console

_PLAIN = {"start": ">", "ok": "+", "bad": "x", "skip": "-", "wait": "~", "text": "|"}
_MARKS = {"start": "▶", "ok": "✔", "bad": "✘", "skip": "·", "wait": "⏳", "text": "│"}


class Progress:
    """Feed it public events in order. Streams of several nodes take turns: each turn begins on a line of its own."""

    def __init__(self, console: Console, *, enabled: bool = True) -> None:
        self._console = console
        self._enabled = enabled
        encoding = (console.encoding or "").lower()
        self._marks = _MARKS if encoding.startswith("utf") else _PLAIN
        self._started: dict[str, datetime] = {}
        self._speaker: str | None = None

    def show(self, event: Mapping[str, Any]) -> None:
        """One event as ``public_event`` or the event stream has it."""
        if not self._enabled:
            return
        show = _SHOWN.get(str(event["type"]))
        if show is not None:
            show(self, event)

    def line(self, text: str, style: str | None = None) -> None:
        """A line of one's own, after whatever a node is saying."""
        if self._enabled:
            self._close_text()
            self._console.print(text, style=style, markup=False)

    def _close_text(self) -> None:
        if self._speaker is not None:
            self._console.print()
            self._speaker = None

    def _on_started(self, event: Mapping[str, Any]) -> None:
        instance = event["instance"]
        self._started[instance] = _time(event)
        attempt = f", attempt {event['attempt']}" if event.get("attempt", 1) > 1 else ""
        self.line(f"{self._marks['start']} {instance} ({event.get('node_type', '')}{attempt})", "cyan")

    def _on_completed(self, event: Mapping[str, Any]) -> None:
        handled = f", after {event['handled_error']['code']}" if event.get("handled_error") else ""
        taken = [handle for handle in event.get("handles") or () if handle != "source"]
        handles = f" → {', '.join(taken)}" if taken else ""
        self.line(
            f"{self._marks['ok']} {event['instance']}{self._took(event)}{_tokens(event)}{handles}{handled}", "green"
        )

    def _on_failed(self, event: Mapping[str, Any]) -> None:
        error = event["error"]
        routed = " (handled by its error edge)" if event.get("routed") else ""
        self.line(
            f"{self._marks['bad']} {event['instance']}{self._took(event)}: {error['code']}: {error['message']}{routed}",
            "red",
        )

    def _on_retrying(self, event: Mapping[str, Any]) -> None:
        delay_s = event.get("delay_ms", 0) / 1_000
        self.line(
            f"{self._marks['wait']} {event['instance']}: {event['error']['message']}; "
            f"attempt {event['next_attempt']} in {delay_s:g} s",
            "yellow",
        )

    def _on_waiting(self, event: Mapping[str, Any]) -> None:
        until = f" until {event['due_at']}" if event.get("due_at") else ""
        self.line(f"{self._marks['wait']} {event['instance']} waits{until}", "yellow")

    def _on_reused(self, event: Mapping[str, Any]) -> None:
        self.line(f"{self._marks['skip']} {event['instance']} {'pinned' if event.get('pinned') else 'reused'}", "dim")

    def _on_skipped(self, event: Mapping[str, Any]) -> None:
        if event.get("void"):
            return
        self.line(f"{self._marks['skip']} {event['instance']} skipped", "dim")

    def _on_cancelled(self, event: Mapping[str, Any]) -> None:
        self.line(f"{self._marks['skip']} {event['instance']} cancelled", "dim")

    def _on_log(self, event: Mapping[str, Any]) -> None:
        self.line(f"  {event['instance']}: {event.get('level', 'info')}: {event['message']}", "dim")

    def _on_token(self, event: Mapping[str, Any]) -> None:
        speaker = event["instance"]
        if self._speaker != speaker:
            self._close_text()
            self._console.print(f"  {self._marks['text']} ", end="", style="dim")
            self._speaker = speaker
        self._console.print(event["text"], end="", markup=False)

    def _on_scope(self, event: Mapping[str, Any]) -> None:
        total = event.get("total", -1)
        of = f" of {total}" if total >= 0 else ""
        self.line(f"  {event['instance']}: {event['index'] + 1}{of}", "dim")

    def _on_end(self, event: Mapping[str, Any]) -> None:
        verb = str(event["type"]).partition(".")[2].replace("_", " ")
        good = verb == "completed"
        usage = _tokens(event)
        self.line(
            f"{self._marks['ok' if good else 'bad']} execution {verb}{usage}", "bold green" if good else "bold red"
        )

    def _took(self, event: Mapping[str, Any]) -> str:
        started = self._started.pop(event["instance"], None)
        if started is None:
            return ""
        ms = (_time(event) - started).total_seconds() * 1_000
        return f" {ms:.0f} ms" if ms < 1_000 else f" {ms / 1_000:.1f} s"


_SHOWN = {
    "node.started": Progress._on_started,
    "node.completed": Progress._on_completed,
    "node.failed": Progress._on_failed,
    "node.reused": Progress._on_reused,
    "node.retrying": Progress._on_retrying,
    "node.waiting": Progress._on_waiting,
    "node.skipped": Progress._on_skipped,
    "node.cancelled": Progress._on_cancelled,
    "node.log": Progress._on_log,
    "node.token": Progress._on_token,
    "scope.started": Progress._on_scope,
    "execution.completed": Progress._on_end,
    "execution.failed": Progress._on_end,
    "execution.cancelled": Progress._on_end,
    "execution.timed_out": Progress._on_end,
    "execution.crashed": Progress._on_end,
    "execution.expired": Progress._on_end,
}


def _time(event: Mapping[str, Any]) -> datetime:
    moment = event["ts"]
    return moment if isinstance(moment, datetime) else datetime.fromisoformat(moment)


def _tokens(event: Mapping[str, Any]) -> str:
    usage = event.get("usage") or {}
    given, made = usage.get("input_tokens", 0), usage.get("output_tokens", 0)
    return f" · {given} + {made} tokens" if given or made else ""
