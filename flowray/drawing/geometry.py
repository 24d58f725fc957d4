"""Shapes of a drawing in px, y downwards: boxes, routes of edges, and the whole layout. Plain values, no algorithm."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

Point: TypeAlias = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A rectangle by its upper left corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def centre(self) -> float:
        """x of its middle."""
        return self.x + self.width / 2

    @property
    def bottom(self) -> float:
        """y of its lower side."""
        return self.y + self.height

    def moved(self, dx: float, dy: float) -> Box:
        """The same box elsewhere."""
        return replace(self, x=self.x + dx, y=self.y + dy)


@dataclass(frozen=True)
class Route:
    """The way of an edge. ``points`` alternate: a straight piece, a curve, a straight piece, …, a straight piece."""

    edge_id: str
    points: tuple[Point, ...]

    def moved(self, dx: float, dy: float) -> Route:
        """The same way elsewhere."""
        return replace(self, points=tuple((x + dx, y + dy) for x, y in self.points))

    def path(self) -> str:
        """As the ``d`` of an SVG path. Curves begin and end vertically."""
        (x, y), *rest = self.points
        parts = [f"M{_px(x)} {_px(y)}"]
        for index, (to_x, to_y) in enumerate(rest):
            if index % 2 == 0 or abs(to_x - x) < 0.5:
                if (to_x, to_y) != (x, y):
                    parts.append(f"L{_px(to_x)} {_px(to_y)}")
            else:
                middle = _px((y + to_y) / 2)
                parts.append(f"C{_px(x)} {middle} {_px(to_x)} {middle} {_px(to_x)} {_px(to_y)}")
            x, y = to_x, to_y
        return "".join(parts)

    @property
    def label_at(self) -> Point:
        """Where a label stands: on the first curve, nearer to its source, where the ways of a branch have parted."""
        (x0, y0), (x1, y1) = self.points[1], self.points[2]
        t = 0.55
        share = t * t * (3 - 2 * t)
        return x0 + (x1 - x0) * share, y0 + (y1 - y0) * t


@dataclass(frozen=True)
class Layout:
    """Where everything of a plan stands. ``nodes`` are all but containers, which are ``groups`` around their bodies."""

    nodes: dict[str, Box]
    groups: dict[str, Box]
    routes: dict[str, Route]
    width: float
    height: float


def _px(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
