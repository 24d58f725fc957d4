"""Connections of a lane: opened, kept for a moment, and their tokens renewed by one process at a time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.connections import ConnectionKind
from flowray.handlers.services import HttpRequest, HttpResponse
from flowray.persistence.connections.sealing import Sealer, new_key
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.writes.connections import ClaimRenewal, DeleteConnection, SaveConnection
from flowray.runtime.connections import CLAIM_MS, EARLY_MS, KEPT_S, StoredConnections, no_opener, with_connections
from flowray.values import encode_json
from tests.fakes.integrations import GivenConnections
from tests.fakes.services import NOW_MS, ScriptedHttp, fake_services

SEALER = Sealer([new_key()])


class World:
    """A store, a token endpoint, and clocks that stand still until they are moved."""

    def __init__(self) -> None:
        self.now, self.monotonic = NOW_MS, 100.0
        self.store = MemoryStore(lambda: self.now)
        self.tokens = 0
        self.status = 200
        self.http = ScriptedHttp(self._answer)
        self.slept: list[float] = []
        self.opened = 0

    def _answer(self, request: HttpRequest) -> HttpResponse:
        self.tokens += 1
        document = {"access_token": f"token-{self.tokens}", "expires_in": 3600}
        return HttpResponse(self.status, "", {}, encode_json(document), request.url, 1)

    def _opener(self) -> Sealer:
        self.opened += 1
        return SEALER

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += round(seconds * 1_000)
        await asyncio.sleep(0)

    def lane(self) -> StoredConnections:
        return StoredConnections(
            self.store.connections, self.store.commit, self._opener, self.http, lambda: self.now,
            lambda: self.monotonic, self._sleep,
        )  # fmt: skip

    def save(self, kind: str, secrets: dict[str, str], its_id: str = "i1", **more: Any) -> None:
        sealed = SEALER.seal("default", "team", secrets)
        write = SaveConnection(
            name="team", id=its_id, kind=kind, sealed=sealed, secret_names=sorted(secrets), **more
        )  # fmt: skip
        self.store.commit([write])

    def save_oauth2(self, its_id: str = "i1", secret: str = "s") -> None:
        fields = {"token_url": "https://auth/token", "client_id": "me"}
        self.save("oauth2", {"client_secret": secret}, its_id, fields=fields)


async def test_a_connection_is_opened_where_it_is_used() -> None:
    world = World()
    world.save("bearer", {"token": "secret-1"}, provider="slack", fields={"base_url": "http://x"})
    found = await world.lane().get("default", "team")
    assert (found.name, found.kind, found.provider, found.fields, found.secrets) == (
        "team", ConnectionKind.BEARER, "slack", {"base_url": "http://x"}, {"token": "secret-1"},
    )  # fmt: skip
    assert "secret-1" not in repr(found)


async def test_an_unknown_name_and_another_workspace_have_none() -> None:
    world = World()
    world.save("bearer", {"token": "secret-1"})
    for workspace, name in (("default", "none"), ("other", "team")):
        with pytest.raises(FlowrayError) as caught:
            await world.lane().get(workspace, name)
        assert caught.value.code == ErrorCode.CONNECTION_NOT_FOUND


async def test_changes_are_seen_within_a_second() -> None:
    world = World()
    world.save("bearer", {"token": "secret-1"})
    lane = world.lane()
    assert await lane.get("default", "team") is await lane.get("default", "team")
    world.save("bearer", {"token": "secret-2"}, "i2")
    assert (await lane.get("default", "team")).secrets == {"token": "secret-1"}
    world.monotonic += KEPT_S
    assert (await lane.get("default", "team")).secrets == {"token": "secret-2"}
    world.store.commit([DeleteConnection(name="team")])
    world.monotonic += KEPT_S
    with pytest.raises(FlowrayError):
        await lane.get("default", "team")
    assert world.opened == 1


async def test_a_token_is_got_once_kept_and_renewed_before_it_ends() -> None:
    world = World()
    world.save_oauth2()
    first, second = world.lane(), world.lane()
    found = await asyncio.gather(*(lane.get("default", "team") for lane in (first, first, second, second)))
    assert {each.secrets["access_token"] for each in found} == {"token-1"}
    assert world.tokens == 1
    record = world.store.connections.get("team")
    assert record is not None
    assert (record.secret_names, record.version) == (["access_token", "client_secret"], 2)
    assert "token-1" not in record.sealed
    world.now += 3_600_000 - EARLY_MS
    assert (await first.get("default", "team")).secrets["access_token"] == "token-2"
    assert (await second.get("default", "team")).secrets["access_token"] == "token-2"
    assert world.tokens == 2


async def test_whoever_finds_a_renewal_under_way_waits_for_it_and_takes_over_one_that_died() -> None:
    world = World()
    world.save_oauth2()
    world.store.commit([ClaimRenewal(name="team", version=1, by="somebody", for_ms=CLAIM_MS)])
    found = await world.lane().get("default", "team")
    assert found.secrets["access_token"] == "token-1"
    assert world.now - NOW_MS >= CLAIM_MS


async def test_a_refused_renewal_is_told_and_leaves_the_way_free() -> None:
    world = World()
    world.save_oauth2()
    world.status = 401
    with pytest.raises(FlowrayError) as caught:
        await world.lane().get("default", "team")
    assert caught.value.code == ErrorCode.PROVIDER_AUTH
    world.status = 200
    assert (await world.lane().get("default", "team")).secrets["access_token"] == "token-2"
    assert world.slept == []


async def test_what_its_owner_has_changed_meanwhile_holds() -> None:
    world = World()
    world.save_oauth2()
    answer = world.http.answer

    def change(request: HttpRequest) -> HttpResponse:
        if world.tokens == 0:
            world.save_oauth2("i2", secret="changed")
        return answer(request)

    world.http.answer = change
    found = await world.lane().get("default", "team")
    assert found.secrets == {"client_secret": "changed", "access_token": "token-2"}


async def test_a_token_that_never_ends_is_not_renewed() -> None:
    world = World()
    world.save(
        "oauth2", {"client_secret": "s", "access_token": "for ever"}, fields={"token_url": "x", "client_id": "y"}
    )
    assert (await world.lane().get("default", "team")).secrets["access_token"] == "for ever"
    assert world.tokens == 0


def test_without_a_key_nothing_is_opened() -> None:
    with pytest.raises(FlowrayError) as caught:
        no_opener()
    assert caught.value.code == ErrorCode.CONFIGURATION


def test_a_process_gets_the_connections_of_its_store_unless_it_was_given_some() -> None:
    store = MemoryStore()
    assert isinstance(with_connections(fake_services(), store, store.commit, no_opener).connections, StoredConnections)
    given = fake_services(connections=GivenConnections())
    assert with_connections(given, store, store.commit, no_opener) is given
