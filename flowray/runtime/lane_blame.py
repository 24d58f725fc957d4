"""Who is to blame when a lane dies: suspects run apart, and a type that kills a process of its own stays there (R39).

A lane holds hundreds of attempts, and one of them may have killed it. Each gets another attempt, for most often none
has; what was there when a second one died runs alone in a process, where only the culprit dies again. Pure.
"""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict
from collections.abc import Sequence

from flowray.handlers.node_task import NodeTask
from flowray.runtime.held_attempts import Key

logger = logging.getLogger(__name__)

DEATHS = 2
"""After so many dead lanes an instance is a suspect."""

KILLS = 2
"""After so many deaths in processes of its own, a type is never run in a lane again."""

REMEMBERED = 10_000


class LaneBlame:
    """One per orchestrator. Forgets at its end: the next one learns anew."""

    def __init__(self) -> None:
        self._deaths: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._suspects: set[tuple[str, str]] = set()
        self._kills: Counter[str] = Counter()

    def lane_died(self, keys: Sequence[Key]) -> None:
        """These attempts were in a lane when its process ended."""
        for execution_id, instance, _ in keys:
            name = (execution_id, instance)
            self._deaths[name] = self._deaths.pop(name, 0) + 1
            if self._deaths[name] >= DEATHS:
                self._suspects.add(name)
        while len(self._deaths) > REMEMBERED:
            self._suspects.discard(self._deaths.popitem(last=False)[0])

    def process_died(self, task: NodeTask) -> None:
        """A suspect was alone in a process, and the process has died: it is the culprit."""
        if not self.is_apart(task):
            return
        self._kills[task.node_type] += 1
        if self._kills[task.node_type] == KILLS:
            logger.warning(
                "flowray: nodes of type %s have killed %d processes; they run as tasks from now on",
                task.node_type,
                KILLS,
            )

    def is_apart(self, task: NodeTask) -> bool:
        """Whether an attempt must not share its process."""
        return (task.execution_id, task.instance) in self._suspects or self._kills[task.node_type] >= KILLS

    def forced_types(self) -> list[str]:
        """The types that are never run in a lane again."""
        return sorted(node_type for node_type, kills in self._kills.items() if kills >= KILLS)

    def ended(self, key: Key) -> None:
        """An attempt has brought its result: its instance is no suspect."""
        name = key[:2]
        self._deaths.pop(name, None)
        self._suspects.discard(name)

    def drop(self, execution_id: str) -> None:
        """The execution has ended."""
        for name in [name for name in self._deaths if name[0] == execution_id]:
            del self._deaths[name]
            self._suspects.discard(name)
