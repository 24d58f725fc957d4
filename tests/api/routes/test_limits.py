"""Named limits over HTTP."""

from __future__ import annotations

import httpx

from flowray import wire
from flowray.persistence.writes import RegisterOwner
from flowray.persistence.writes.limits import LimitAsk, ShareLimits
from tests.api.fake_directory import FakeDirectory


async def test_a_limit_is_defined_changed_listed_and_deleted(http: httpx.AsyncClient) -> None:
    made = await http.put("/v1/limits/openai", json={"rpm": 60, "tpm": 1_000})
    assert made.status_code == 200, made.text
    assert (made.json()["available_requests"], made.json()["available_tokens"]) == (60, 1_000)
    changed = (await http.put("/v1/limits/openai", json={"concurrency": 2})).json()
    assert (changed["rpm"], changed["tpm"], changed["concurrency"]) == (None, None, 2)
    listed = (await http.get("/v1/limits")).json()["data"]
    assert [wire.Limit.model_validate(limit).name for limit in listed] == ["openai"]
    assert (await http.delete("/v1/limits/openai")).status_code == 204
    assert (await http.get("/v1/limits/openai")).json()["code"] == "NOT_FOUND"
    assert (await http.delete("/v1/limits/openai")).status_code == 404


async def test_it_shows_who_runs_under_it_and_who_waits(http: httpx.AsyncClient, directory: FakeDirectory) -> None:
    await http.put("/v1/limits/api", json={"concurrency": 1})
    asks = tuple(LimitAsk(its_id, "e1", its_id, 1, ("api",), 7) for its_id in ("a", "b"))
    register = RegisterOwner(id="o", kind="test", generation="g", lease_ms=60_000)
    directory.store.commit([register, ShareLimits(owner_id="o", asks=asks)])
    limit = wire.LimitDetail.model_validate((await http.get("/v1/limits/api")).json())
    assert (limit.used, limit.waiting) == (1, 1)
    assert [(use.instance, use.status, use.tokens) for use in limit.uses] == [("a", "running", 7), ("b", "waiting", 7)]


async def test_what_does_not_fit_is_refused(http: httpx.AsyncClient) -> None:
    for body in ({"rpm": 0}, {"concurrency": -1}, {"rps": 3}):
        answer = await http.put("/v1/limits/api", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")
    assert (await http.put(f"/v1/limits/{'x' * 101}", json={})).status_code == 400
