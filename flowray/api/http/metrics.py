"""Counts what this server process does, and writes it in Prometheus' text format. Ray's own metrics are elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class Metric:
    """One metric with its samples: label values (in the order of ``labels``) → value."""

    name: str
    help: str
    kind: Literal["counter", "gauge"]
    labels: tuple[str, ...] = ()
    samples: Mapping[tuple[str, ...], float] = field(default_factory=dict)


MetricsSource: TypeAlias = Callable[[], Awaitable[Iterable[Metric]]]
"""Gives further metrics at each scrape, such as those of the runtime."""


class ApiMetrics:
    """Counters of one process, changed on its event loop only."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, ...]] = Counter()
        self._started = 0
        self._replayed = 0
        self._streams = 0

    def request_answered(self, method: str, route: str, status: int) -> None:
        """``route`` is the route's template, never the path: ids would make the number of series grow for ever."""
        self._requests[(method, route, str(status))] += 1

    def executions_started(self, count: int, replayed: int = 0) -> None:
        """``replayed``: starts that a repeated Idempotency-Key answered with an execution that was there."""
        self._started += count
        self._replayed += replayed

    def stream_opened(self) -> None:
        """Call ``stream_closed`` for each, however it ends."""
        self._streams += 1

    def stream_closed(self) -> None:
        """Undo ``stream_opened``."""
        self._streams -= 1

    def collect(self) -> list[Metric]:
        """A moment's view."""
        return [
            Metric(
                "flowray_http_requests_total",
                "Requests answered by this server process.",
                "counter",
                ("method", "route", "status"),
                dict(self._requests),
            ),
            Metric(
                "flowray_executions_started_total",
                "Executions started through this server process.",
                "counter",
                samples={(): self._started},
            ),
            Metric(
                "flowray_idempotent_replays_total",
                "Starts answered with an execution that was there already.",
                "counter",
                samples={(): self._replayed},
            ),
            Metric("flowray_event_streams", "Open event streams.", "gauge", samples={(): self._streams}),
        ]


def prometheus_text(metrics: Iterable[Metric]) -> str:
    """The text exposition format, version 0.0.4."""
    lines: list[str] = []
    for metric in metrics:
        lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}"]
        for values, number in sorted(metric.samples.items()):
            pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in zip(metric.labels, values, strict=True))
            lines.append(f"{metric.name}{{{pairs}}} {_number(number)}" if pairs else f"{metric.name} {_number(number)}")
    return "\n".join(lines) + "\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
