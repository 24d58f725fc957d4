"""Connections in every store: memory, SQLite and PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flowray.errors import ErrorCode
from flowray.persistence.connections.records import ConnectionRecord
from flowray.persistence.writes import AnyResult, Done, Inserted, Refused
from flowray.persistence.writes.codec import decode_writes, encode_writes
from flowray.persistence.writes.connections import ClaimRenewal, DeleteConnection, SaveConnection, SaveTokens
from tests.conformance.test_stores import Stores, stores

__all__ = ["stores"]


def save(name: str = "team", its_id: str = "i1", **more: Any) -> SaveConnection:
    given: dict[str, Any] = {"kind": "bearer", "sealed": "sealed-1", "secret_names": ["token"], **more}
    return SaveConnection(name=name, id=its_id, **given)


def got(stores: Stores, name: str = "team", workspace: str = "default") -> ConnectionRecord:
    found = stores.reader.connections.get(name, workspace)
    assert found is not None
    return found


def code(result: AnyResult) -> str:
    assert isinstance(result, Refused), result
    return result.code


def test_connections_are_made_changed_listed_and_deleted(stores: Stores) -> None:
    assert stores.one(save(provider="slack", fields={"base_url": "http://x"})) == Inserted(id="team")
    assert stores.one(save("app", kind="oauth2")) == Inserted(id="app")
    made = got(stores)
    assert (made.kind, made.provider, made.fields, made.secret_names, made.sealed, made.version) == (
        "bearer", "slack", {"base_url": "http://x"}, ["token"], "sealed-1", 1,
    )  # fmt: skip
    assert made.created_at > 0
    assert stores.one(save(its_id="i2", sealed="sealed-2")) == Done()
    changed = got(stores)
    assert (changed.sealed, changed.version, changed.fields, changed.created_at) == ("sealed-2", 2, {}, made.created_at)
    assert [found.name for found in stores.reader.connections.all()] == ["app", "team"]
    assert stores.one(DeleteConnection(name="team")) == Done()
    assert stores.reader.connections.get("team") is None
    assert code(stores.one(DeleteConnection(name="team"))) == ErrorCode.NOT_FOUND


def test_workspaces_do_not_see_each_other(stores: Stores) -> None:
    stores.commit(save(), save(its_id="i2", workspace_id="other", sealed="theirs"))
    assert (got(stores).sealed, got(stores, workspace="other").sealed) == ("sealed-1", "theirs")
    assert stores.one(DeleteConnection(name="team")) == Done()
    assert [found.sealed for found in stores.reader.connections.all("other")] == ["theirs"]


def test_a_repeat_after_a_lost_acknowledgement_changes_nothing(stores: Stores) -> None:
    assert [stores.one(save(only_new=True)) for _ in range(2)] == [Inserted(id="team")] * 2
    again = save(its_id="i2", expected_version=1, sealed="sealed-2")
    assert [stores.one(again) for _ in range(2)] == [Done(), Done()]
    assert got(stores).version == 2
    claim = ClaimRenewal(name="team", version=2, by="a", for_ms=60_000)
    assert [stores.one(claim) for _ in range(2)] == [Done(), Done()]
    tokens = SaveTokens(name="team", version=2, by="a", sealed="sealed-3", expires_at=5)
    assert [stores.one(tokens) for _ in range(2)] == [Done(), Done()]
    assert (got(stores).version, got(stores).expires_at, got(stores).renewing_until) == (3, 5, None)


def test_a_taken_name_and_a_change_in_between_are_refused(stores: Stores) -> None:
    stores.commit(save())
    assert code(stores.one(save(its_id="i2", only_new=True))) == ErrorCode.CONFLICT
    stores.commit(save(its_id="i3"))
    assert code(stores.one(save(its_id="i4", expected_version=1))) == ErrorCode.CONFLICT
    assert code(stores.one(save("none", its_id="i5", expected_version=1))) == ErrorCode.NOT_FOUND
    assert stores.reader.connections.get("none") is None


def test_only_one_renews_a_token(stores: Stores) -> None:
    stores.commit(save())
    claims = [ClaimRenewal(name="team", version=1, by=by, for_ms=60_000) for by in "abcdefgh"]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(stores.one, claims))
    assert [type(result) for result in results].count(Done) == 1
    assert {code(result) for result in results if not isinstance(result, Done)} == {ErrorCode.CONFLICT}


def test_a_claim_ends_with_its_time_with_its_token_and_when_it_is_given_back(stores: Stores) -> None:
    stores.commit(save())
    assert stores.one(ClaimRenewal(name="team", version=1, by="a", for_ms=0)) == Done()
    assert stores.one(ClaimRenewal(name="team", version=1, by="b", for_ms=60_000)) == Done()
    late = SaveTokens(name="team", version=1, by="a", sealed="late")
    assert code(stores.one(late)) == ErrorCode.CONFLICT
    assert stores.one(SaveTokens(name="team", version=1, by="b")) == Done()
    assert (got(stores).sealed, got(stores).renewing_until) == ("sealed-1", None)
    assert stores.one(ClaimRenewal(name="team", version=1, by="c", for_ms=60_000)) == Done()
    tokens = SaveTokens(name="team", version=1, by="c", sealed="new", secret_names=["access_token"], expires_at=9)
    assert stores.one(tokens) == Done()
    assert (got(stores).sealed, got(stores).secret_names) == ("new", ["access_token"])
    assert code(stores.one(ClaimRenewal(name="team", version=1, by="d", for_ms=1))) == ErrorCode.CONFLICT
    assert code(stores.one(ClaimRenewal(name="none", version=1, by="d", for_ms=1))) == ErrorCode.NOT_FOUND


def test_a_change_by_its_owner_wins_over_a_renewal_under_way(stores: Stores) -> None:
    stores.commit(save(), ClaimRenewal(name="team", version=1, by="a", for_ms=60_000), save(its_id="i2", sealed="mine"))
    tokens = SaveTokens(name="team", version=1, by="a", sealed="old")
    assert code(stores.one(tokens)) == ErrorCode.CONFLICT
    assert (got(stores).sealed, got(stores).renewing_until) == ("mine", None)


def test_writes_travel_between_processes() -> None:
    writes = [save(), DeleteConnection(name="a"), ClaimRenewal(name="a", version=1, by="b", for_ms=3)]
    assert decode_writes(encode_writes([*writes, SaveTokens(name="a", version=1, by="b")])) == [
        *writes, SaveTokens(name="a", version=1, by="b"),
    ]  # fmt: skip
