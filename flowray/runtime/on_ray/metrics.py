"""Metrics in Ray's own registry, so that they appear beside Ray's on its metrics port. Once per process."""

from __future__ import annotations

from functools import lru_cache

from ray.util.metrics import Counter, Gauge, Histogram

NODE_SECONDS_BOUNDARIES = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 600.0]


class Metrics:
    """flowray's counters, histogram and gauge. Tags are kinds and statuses, never ids."""

    def __init__(self) -> None:
        self._executions = Counter(
            "flowray_executions", description="Executions that ended, by status.", tag_keys=("status",)
        )
        self._nodes = Counter(
            "flowray_nodes", description="Node attempts started, by type and lane.", tag_keys=("type", "lane")
        )
        self._seconds = Histogram(
            "flowray_node_seconds",
            description="Duration of completed node attempts in seconds.",
            boundaries=NODE_SECONDS_BOUNDARIES,
        )
        self._tokens = Counter(
            "flowray_llm_tokens", description="Tokens of language models, by direction.", tag_keys=("kind",)
        )
        self._active = Gauge("flowray_active_executions", description="Executions driven by this orchestrator.")

    def execution_ended(self, status: str) -> None:
        """One execution reached a terminal status."""
        self._executions.inc(tags={"status": status})

    def node_started(self, node_type: str, lane: str) -> None:
        """One attempt was dispatched."""
        self._nodes.inc(tags={"type": node_type, "lane": lane})

    def node_ended(self, seconds: float) -> None:
        """One attempt completed after ``seconds``."""
        self._seconds.observe(max(seconds, 0.0))

    def tokens(self, input_tokens: int, output_tokens: int) -> None:
        """A language model was used."""
        if input_tokens > 0:
            self._tokens.inc(input_tokens, tags={"kind": "input"})
        if output_tokens > 0:
            self._tokens.inc(output_tokens, tags={"kind": "output"})

    def active(self, executions: int) -> None:
        """How many executions this process drives now."""
        self._active.set(executions)


@lru_cache(maxsize=1)
def metrics() -> Metrics:
    """This process's metrics; Ray wants each metric created once per process."""
    return Metrics()
