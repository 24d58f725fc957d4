"""Ids sort by the time at which they were made."""

from __future__ import annotations

from uuid import UUID

from flowray.runtime.identifiers import new_id


def test_ids_of_one_process_sort_in_order_of_making() -> None:
    made = [new_id() for _ in range(2_000)]
    assert made == sorted(made)
    assert len(set(made)) == 2_000
    assert UUID(made[0]).version == 7
