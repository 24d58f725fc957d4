"""Random plans with random results, and a slow reference that says which nodes must run. For the properties only."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import strategies as some

from flowray.definition.policies import ErrorStrategy, JoinRule, OnFailure
from flowray.plan import PlanRetry
from tests.engine.harness import LOST, Reply, asks, err, ok, route, sleeps
from tests.engine.plans import PlanMaker

HANDLES = ("source", "x", "y", "error")
HOUR_MS = 3_600_000


@dataclass
class Case:
    """A DAG and what each node does. ``arrows`` are ``(source, handle, target, is_ordering)``."""

    count: int
    arrows: list[tuple[int, str, int, bool]]
    joins: list[JoinRule]
    replies: list[Reply]
    strategies: list[ErrorStrategy]
    width: int = 3
    on_failure: OnFailure = OnFailure.RUN_INDEPENDENT
    losses: list[int] = field(default_factory=list)

    def maker(self) -> PlanMaker:
        maker = PlanMaker(max_concurrent_nodes=self.width, on_failure=self.on_failure)
        for number in range(self.count):
            maker.node(
                f"n{number}",
                join=self.joins[number],
                on_error=self.strategies[number],
                retry=PlanRetry(max_attempts=2, initial_delay_ms=10),
            )
        for source, handle, target, is_ordering in self.arrows:
            kind = "ordering" if is_ordering else "flow"
            maker.edge(f"n{source} {'source' if is_ordering else handle}-> n{target}", kind=kind)
        return maker

    def script(self) -> dict[str, object]:
        """Each node is lost some times first, then replies."""
        lost = self.losses or [0] * self.count
        return {f"n{number}": [LOST] * lost[number] + [self.replies[number]] for number in range(self.count)}

    def live_handles(self, number: int) -> tuple[str, ...] | None:
        """The handles that live when this node has run, by the rules; None for all but ``error``."""
        reply = self.replies[number]
        if reply.error is None:
            signals = reply.signals
            if signals.activate_error_port:
                return ("error",)
            if signals.is_terminal:
                return ()
            return None if signals.selected_routes is None else (*signals.selected_routes, "source")
        has_error_edge = any(s == number and h == "error" and not o for s, h, _, o in self.arrows)
        if has_error_edge:
            return ("error",)
        return None if self.strategies[number] is ErrorStrategy.CONTINUE else ()

    def expected(self) -> dict[str, str]:
        """The status of every node, from the definition of the rules (R1, R3), node by node."""
        statuses: dict[int, str] = {}

        def lives(arrow: tuple[int, str, int, bool]) -> bool:
            source, handle, _, _ = arrow
            if status(source) == "skipped":
                return False
            handles = self.live_handles(source)
            return handle != "error" if handles is None else handle in handles

        def status(number: int) -> str:
            if number not in statuses:
                feeders = [arrow for arrow in self.arrows if arrow[2] == number and not arrow[3]]
                runs = [lives(arrow) for arrow in feeders]
                is_start = not any(arrow[2] == number for arrow in self.arrows)
                needed = all(runs) if self.joins[number] is JoinRule.ALL else any(runs)
                if is_start or (feeders and needed):
                    statuses[number] = self._own_status(number)
                else:
                    statuses[number] = "skipped"
            return statuses[number]

        return {f"n{number}": status(number) for number in range(self.count)}

    def _own_status(self, number: int) -> str:
        if self.replies[number].error is None:
            return "completed"
        has_error_edge = any(s == number and h == "error" and not o for s, h, _, o in self.arrows)
        return "completed" if self.strategies[number] is ErrorStrategy.CONTINUE and not has_error_edge else "failed"


def _reply(kind: str, number: int) -> Reply:
    return {
        "ok": ok(number),
        "x": route("x"),
        "xy": route("x", "y"),
        "none": route(),
        "fail": err(),
        "retry": err(retryable=True),
        "wait": sleeps(1_000_000 + HOUR_MS + number, number),
        "ask": asks(),
        "terminal": Reply(output=number, signals=type(ok().signals)(is_terminal=True)),
        "finish": Reply(output=number, signals=type(ok().signals)(finish=True)),
        "port": Reply(output=number, signals=type(ok().signals)(activate_error_port=True)),
    }[kind]


KINDS = ("ok", "ok", "ok", "x", "xy", "none", "fail", "retry", "wait", "terminal", "port")


@some.composite
def cases(draw: some.DrawFn, most_nodes: int = 9, kinds: tuple[str, ...] = KINDS) -> Case:
    """Any DAG of a few nodes: edges lead from lower to higher numbers, several may join the same pair."""
    count = draw(some.integers(1, most_nodes))
    arrows = []
    if count > 1:
        pairs = draw(some.lists(some.tuples(some.integers(0, count - 1), some.integers(0, count - 1)), max_size=18))
        for first, second in pairs:
            if first == second:
                continue
            is_ordering = draw(some.integers(0, 7)) == 0
            handle = "source" if is_ordering else draw(some.sampled_from(HANDLES))
            arrows.append((min(first, second), handle, max(first, second), is_ordering))
    return Case(
        count=count,
        arrows=arrows,
        joins=[draw(some.sampled_from([JoinRule.ANY, JoinRule.ANY, JoinRule.ALL])) for _ in range(count)],
        replies=[_reply(draw(some.sampled_from(kinds)), number) for number in range(count)],
        strategies=[
            draw(some.sampled_from([ErrorStrategy.FAIL, ErrorStrategy.FAIL, ErrorStrategy.CONTINUE]))
            for _ in range(count)
        ],
        width=draw(some.integers(1, 4)),
        losses=[draw(some.sampled_from([0, 0, 0, 1, 2])) for _ in range(count)],
    )
