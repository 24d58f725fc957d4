"""Writes and results cross process borders unchanged (R26: on SQLite one process writes for all)."""

from __future__ import annotations

from flowray.persistence.writes import (
    AnyResult,
    AnyWrite,
    Claim,
    Claimed,
    ClaimExecutions,
    DeleteWorkflow,
    Done,
    Existing,
    Fenced,
    Inserted,
    Leased,
    Pending,
    PutPayload,
    Refused,
    ReleaseOwner,
    RenewLease,
    Saved,
    decode_results,
    decode_writes,
    encode_results,
    encode_writes,
)
from tests.persistence.samples import append, insert, node_log, owner, request, save


def test_every_write_survives() -> None:
    writes: list[AnyWrite] = [
        save(diagnostics=({"code": "X"},)),
        DeleteWorkflow(id="wf"),
        insert(inputs={"a": [1, None]}),
        append(node_logs=(node_log(),), consumed=("i",), changes={"status": "running"}, release=True),
        request(data={"x": "ü"}),
        owner(supersedes=("7",)),
        RenewLease(id="o1", lease_ms=1),
        ReleaseOwner(id="o1"),
        ClaimExecutions(owner_id="o1", ids=("e1",)),
        PutPayload(id="p", execution_id="e1", data=b"\x00\xff", ts=1),
    ]
    assert decode_writes(encode_writes(writes)) == writes


def test_every_result_survives() -> None:
    results: list[AnyResult] = [
        Done(),
        Saved(version=1, created_at=1, updated_at=2, changed=False),
        Inserted(id="e"),
        Existing(id="e", request_hash="r"),
        Refused(code="NOT_FOUND", detail="d"),
        Fenced(),
        Pending(inbox=(request().record,)),
        Leased(lease_until=2, now=1),
        Claimed(claims=(Claim("e1", 2, 3, True),)),
    ]
    assert decode_results(encode_results(results)) == results


def test_each_claim_has_an_id_of_its_own() -> None:
    first, second = ClaimExecutions(owner_id="o"), ClaimExecutions(owner_id="o")
    assert first.claim_id != second.claim_id
