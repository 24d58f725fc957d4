"""Five shapes that real workflows of waiting nodes have, under names of our own: how nodes lie side by side and behind
one another is taken from published templates, and every node that waits there asks an HTTP server here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Definition = dict[str, Any]


@dataclass(frozen=True)
class Shape:
    """``waiting`` maps each waiting node to those before it. ``longest``: how many lie behind one another at most."""

    name: str
    waiting: dict[str, tuple[str, ...]]
    longest: int

    @property
    def gain(self) -> float:
        """How many times faster it can be if whatever can run at once does."""
        return len(self.waiting) / self.longest

    def definition(self, url: str, at_once: int | None = None) -> Definition:
        """The workflow. ``url`` is asked by each waiting node, its name appended; ``at_once``: None for the default."""
        nodes: dict[str, Any] = {"start": {"type": "input", "config": {"inputName": "n"}}}
        edges: list[dict[str, str]] = []
        for node_id, feeders in self.waiting.items():
            nodes[node_id] = {"type": "http", "config": {"method": "GET", "url": url + node_id, "failOnStatus": True}}
            edges += [{"source": feeder, "target": node_id} for feeder in feeders or ("start",)]
        nodes["end"] = {"type": "output", "config": {"outputName": "done", "value": "yes"}, "join": "all"}
        leading = {feeder for feeders in self.waiting.values() for feeder in feeders}
        edges += [{"source": node_id, "target": "end"} for node_id in self.waiting if node_id not in leading]
        settings = {} if at_once is None else {"maxConcurrentNodes": at_once}
        return {"name": self.name, "nodes": nodes, "edges": edges, "entryPoint": "start", "settings": settings}


_FILES = tuple(f"file_{number}" for number in range(10))
_TEXTS = tuple(f"text_{number}" for number in range(4))
_POSTS = tuple(f"post_{number}" for number in range(4))

SHAPES = (
    # Every file by itself, then one merge.
    Shape("ten files", dict.fromkeys(_FILES, ()), longest=1),
    # The same question to three models; counting their votes waits for nobody.
    Shape("a vote of three", dict.fromkeys(("red", "green", "blue"), ()), longest=1),
    # An idea, a text for each of four channels, four posts once all texts are there, and two records of it.
    Shape(
        "a campaign",
        {
            "idea": (), **dict.fromkeys(_TEXTS, ("idea",)), **dict.fromkeys(_POSTS, _TEXTS),
            "record": _POSTS, "tell": ("record",),
        },
        longest=5,
    ),
    # A plan, five preparations from it of which one goes on by itself, and a welcome that waits for two of them.
    Shape(
        "a first day",
        {
            "plan": (), "list": ("plan",), "channel": ("plan",), "tour": ("plan",), "talks": ("plan",),
            "mate": ("plan",), "tell_mate": ("mate",), "greeting": ("list", "channel"), "mail": ("greeting",),
            "announce": ("mail", "tell_mate"),
        },
        longest=5,
    ),
    # Four sources, a digest, three readings of it, and four places that each get one or more of them.
    Shape(
        "a command centre",
        {
            "sales": (), "tickets": (), "usage": (), "bills": (), "digest": ("sales", "tickets", "usage", "bills"),
            "risk": ("digest",), "chance": ("digest",), "mood": ("digest",), "chat": ("risk",), "sheet": ("chance",),
            "mails": ("risk", "chance"), "board": ("mood",),
        },
        longest=4,
    ),
)  # fmt: skip
