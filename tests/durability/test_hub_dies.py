"""The hub, which relays events and keeps large values near the lanes, dies all the time while clients follow (L5, R33).

It is only a relay and a cache: readers have the log behind it. So nothing is lost, doubled or out of order.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

import pytest

from tests.durability.bench import Bench
from tests.durability.conftest import FULL
from tests.durability.effects import Speech
from tests.durability.test_streams import TEXT, TOKENS, _read_by_async_client, _read_by_sync_client, _spoken
from tests.integration.test_lanes_alike import the_hub_dies_all_the_time

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]

EXECUTIONS = 2


@pytest.mark.parametrize("pauses", [(0.01,), (0.1, 0.03, 1.0)])
def test_l5_r33_readers_lose_nothing_while_the_relay_dies(bench: Bench, pauses: tuple[float, ...]) -> None:
    """Every 10 ms it is hardly ever there; between 30 ms and a second it relays a part of a text and dies."""
    if bench.database == "postgresql" and not FULL:
        pytest.skip("the hub knows no database; FLOWRAY_ACCEPTANCE_FULL=1 plays it on both")
    urls = cycle(str(client.base_url) for client in bench.replicas)
    with the_hub_dies_all_the_time(bench.server, pauses) as deaths, ThreadPoolExecutor(2 * EXECUTIONS) as readers:
        ids = [bench.start(_spoken(bench, Speech(TOKENS, ms=2))) for _ in range(EXECUTIONS)]
        reads = [(its_id, read) for its_id in ids for read in (_read_by_sync_client, _read_by_async_client)]
        seen = [(its_id, readers.submit(read, next(urls), its_id)) for its_id, read in reads]
        for its_id, future in seen:
            events = future.result(120)
            assert [event.seq for event in events] == list(range(1, len(events) + 1))
            assert "".join(event.model_extra["text"] for event in events if event.type == "node.token") == TEXT
            assert events[-1].type == "execution.completed"
            assert [event.seq for event in events] == [event["seq"] for event in bench.events(its_id)]
    assert deaths[0] >= 3
