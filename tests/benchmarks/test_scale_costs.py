"""What is counted per step. How long it takes is the machine's affair."""

from __future__ import annotations

from benchmarks.scale_costs import measured


def test_every_part_is_measured() -> None:
    figures = {figure.name: figure for figure in measured(executions=5, rounds=1)}
    parts = ("step", "append", "attempt")
    assert set(figures) == {
        *(f"{part}, processor per step" for part in parts),
        *(f"{part}, kept from a processor per step" for part in parts),
        "steps per second",
        "appends per step",
        "appends per transaction",
        "transaction, off the processor",
        "bytes of events per step",
    }
    # Ten nodes, each after the commit of the one before; the input, the output and the end are committed besides.
    assert 1.0 <= figures["appends per step"].median <= 1.6
    assert 300 < figures["bytes of events per step"].median < 700
    assert all(figures[f"{part}, processor per step"].median > 0 for part in parts)
