"""Usage adds up."""

from __future__ import annotations

from flowray.engine.signals import Usage


def test_sums() -> None:
    total = Usage(1, 2, "m", 0.5, "USD").plus(Usage(10, 20, "m", None, None, estimated=True))
    assert total == Usage(11, 22, "m", 0.5, "USD", estimated=True)


def test_no_cost_stays_no_cost_and_models_differ() -> None:
    total = Usage(1, 1, "m").plus(Usage(1, 1, "n"))
    assert (total.cost, total.model) == (None, None)
