"""What Ray is told of nodes and executions: all that was noted, counted, and once."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.runtime.on_ray import metrics as module
from flowray.runtime.on_ray.metrics import Metrics


class Told:
    """A metric of Ray's that remembers."""

    by_name: dict[str, list[tuple[Any, Any]]] = {}

    def __init__(self, name: str, **_: Any) -> None:
        self.said = self.by_name[name] = []

    def inc(self, value: float = 1.0, tags: dict[str, str] | None = None) -> None:
        self.said.append((value, tags))

    def observe(self, value: float, tags: dict[str, str] | None = None) -> None:
        self.said.append((value, tags))

    set = observe


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Metrics:
    for kind in ("Counter", "Gauge", "Histogram"):
        monkeypatch.setattr(module, kind, Told)
    # Its thread tells by the second; these tests tell by themselves.
    monkeypatch.setattr(module, "TELL_EVERY_S", 3_600.0)
    return Metrics()


def test_what_was_noted_is_told_once_and_counted(told: Metrics) -> None:
    for _ in range(3):
        told.node_started("http", "near")
    told.node_started("llm", "io")
    for seconds in (0.001, 0.5, -0.1):
        told.node_ended(seconds)
    told.execution_ended("completed")
    told.active(7)
    told.active(5)
    assert not any(Told.by_name.values())
    told.tell()
    told.tell()
    said = Told.by_name
    assert said["flowray_nodes"] == [(3, {"type": "http", "lane": "near"}), (1, {"type": "llm", "lane": "io"})]
    assert said["flowray_node_seconds"] == [(0.001, None), (0.5, None), (0.0, None)]
    assert said["flowray_executions"] == [(1, {"status": "completed"})]
    assert said["flowray_active_executions"] == [(5, None)]


def test_tokens_are_told_at_once_by_direction(told: Metrics) -> None:
    told.tokens(12, 0)
    assert Told.by_name["flowray_llm_tokens"] == [(12, {"kind": "input"})]
