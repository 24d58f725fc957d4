"""Which ready instance goes first: the one that became ready first. A queue that a snapshot can hold."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec


class ReadyQueue(msgspec.Struct, omit_defaults=True):
    """First in, first out. ``items[head:]`` waits; the part before ``head`` is cut off now and then, not each time,
    because shifting a list for every node would make wide fan-outs quadratic.
    """

    items: list[str] = []
    head: int = 0

    def push(self, instance: str) -> None:
        """Add at the end."""
        self.items.append(instance)

    def first(self) -> str | None:
        """The next instance, without taking it."""
        return self.items[self.head] if self.head < len(self.items) else None

    def take(self, instance: str) -> None:
        """Remove one instance; O(1) for the first. Raises ValueError if it is not waiting."""
        if self.first() == instance:
            self.head += 1
            if self.head > 64 and self.head * 2 > len(self.items):
                del self.items[: self.head]
                self.head = 0
        else:
            del self.items[self.items.index(instance, self.head)]

    def __iter__(self) -> Iterator[str]:
        return iter(self.items[self.head :])

    def __len__(self) -> int:
        return len(self.items) - self.head
