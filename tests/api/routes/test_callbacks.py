"""Callbacks over HTTP: asked for at the start, listed, delivered again."""

from __future__ import annotations

from typing import Any

import httpx

from flowray import wire
from flowray.persistence.writes.callbacks import ClaimCallbacks, SettleCallback
from tests.api.conftest import GREET
from tests.api.fake_directory import FakeDirectory

HOOK = {"callback_url": "https://example.org/hook", "callback_secret": "a secret of mine"}


async def start(http: httpx.AsyncClient, **options: Any) -> str:
    body = {"definition": GREET, "inputs": {"name": "Ada"}, "options": options}
    answer = await http.post("/v1/executions", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def test_an_end_is_to_be_told_as_soon_as_it_is_committed(http: httpx.AsyncClient) -> None:
    """R24, R51."""
    its_id = await start(http, **HOOK)
    shown = (await http.get(f"/v1/executions/{its_id}")).json()
    assert shown["callback_url"] == "https://example.org/hook"
    (found,) = (await http.get(f"/v1/executions/{its_id}/callbacks")).json()["data"]
    callback = wire.Callback.model_validate(found)
    assert (callback.event, callback.status, callback.seq) == ("execution.completed", "pending", 4)
    assert callback.id == f"cb_{its_id}_4"


async def test_the_secret_is_never_shown(http: httpx.AsyncClient, directory: FakeDirectory) -> None:
    its_id = await start(http, **HOOK)
    for path in (f"/v1/executions/{its_id}", f"/v1/executions/{its_id}/callbacks", "/v1/callbacks", "/v1/executions"):
        assert "a secret of mine" not in (await http.get(path)).text
    record = directory.store.execution(its_id)
    assert record is not None
    assert "callback_secret" not in record.options
    assert (record.callback or {})["secret"] == "a secret of mine"


async def test_what_was_given_up_says_why_and_is_delivered_again_by_hand(
    http: httpx.AsyncClient, directory: FakeDirectory
) -> None:
    its_id = await start(http, **HOOK)
    callback_id = f"cb_{its_id}_4"
    settle = SettleCallback(id=callback_id, claim_id="c", status="given_up", http_status=500, error="no")
    directory.store.commit([ClaimCallbacks(claim_id="c"), settle])
    (found,) = (await http.get("/v1/callbacks", params={"status": "given_up"})).json()["data"]
    assert (found["last_error"], found["last_status"], found["next_at"]) == ("no", 500, None)
    again = await http.post(f"/v1/callbacks/{callback_id}/redeliver")
    assert (again.status_code, again.json()["status"], again.json()["attempts"]) == (202, "pending", 0)
    assert (await http.get("/v1/callbacks", params={"status": "given_up"})).json()["data"] == []


async def test_unknown_ones_are_404(http: httpx.AsyncClient) -> None:
    assert (await http.post("/v1/callbacks/nope/redeliver")).status_code == 404
    assert (await http.get("/v1/executions/nope/callbacks")).status_code == 404


async def test_an_unusable_address_is_a_422_before_anything_is_kept(http: httpx.AsyncClient) -> None:
    body = {"definition": GREET, "inputs": {"name": "Ada"}, "options": {"callback_url": "mailto:me"}}
    answer = await http.post("/v1/executions", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")
    assert answer.json()["errors"][0]["pointer"] == "/options/callback_url"
    assert (await http.get("/v1/executions")).json()["data"] == []


async def test_a_rerun_tells_only_who_asks_for_it_anew(http: httpx.AsyncClient) -> None:
    first = await start(http, **HOOK)
    silent = (await http.post(f"/v1/executions/{first}/rerun", json={})).json()["id"]
    assert (await http.get(f"/v1/executions/{silent}")).json()["callback_url"] is None
    again = (await http.post(f"/v1/executions/{first}/rerun", json={"options": {"callback_url": "http://x/"}})).json()
    assert (await http.get(f"/v1/executions/{again['id']}")).json()["callback_url"] == "http://x/"
