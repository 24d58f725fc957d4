"""What each write makes of the connection that is there. Pure: stores load a record, ask here, keep the answer."""

from __future__ import annotations

import msgspec

from flowray.errors import ErrorCode
from flowray.persistence.connections.records import ConnectionRecord
from flowray.persistence.writes import AnyResult, Done, Inserted, Refused
from flowray.persistence.writes.connections import AnyConnectionWrite, ClaimRenewal, DeleteConnection, SaveConnection

Changed = tuple[ConnectionRecord | None, AnyResult]
"""What the connection is from now on, None for none; and the result."""


def changed(found: ConnectionRecord | None, write: AnyConnectionWrite, now: int) -> Changed:
    """``found`` after ``write``. ``now``: ms since the epoch, by the database's clock."""
    if isinstance(write, SaveConnection):
        return _saved(found, write, now)
    if found is None:
        return None, Refused(code=ErrorCode.NOT_FOUND, detail=f"there is no connection {write.name!r}")
    if isinstance(write, DeleteConnection):
        return None, Done()
    if isinstance(write, ClaimRenewal):
        return _claimed(found, write, now)
    if found.version == write.version + 1 and found.renewing_by == write.by:
        return found, Done()  # a repeat
    if found.version != write.version or found.renewing_by != write.by:
        return found, _conflict(f"the connection {write.name!r} has changed since its renewal began")
    if not write.sealed:
        return msgspec.structs.replace(found, renewing_until=None), Done()
    renewed = msgspec.structs.replace(
        found, sealed=write.sealed, secret_names=list(write.secret_names), version=found.version + 1,
        expires_at=write.expires_at, renewing_until=None,
    )  # fmt: skip
    return renewed, Done()


def _saved(found: ConnectionRecord | None, write: SaveConnection, now: int) -> Changed:
    if found is not None and found.id == write.id:
        return found, Inserted(id=write.name) if found.version == 1 else Done()  # a repeat
    if found is not None and write.only_new:
        return found, _conflict(f"there is a connection {write.name!r} already")
    if write.expected_version is not None:
        if found is None:
            return None, Refused(code=ErrorCode.NOT_FOUND, detail=f"there is no connection {write.name!r}")
        if found.version != write.expected_version:
            return found, _conflict(f"somebody else has changed the connection {write.name!r}")
    record = ConnectionRecord(
        name=write.name, id=write.id, kind=write.kind, provider=write.provider, fields=dict(write.fields),
        secret_names=list(write.secret_names), sealed=write.sealed, version=1 if found is None else found.version + 1,
        created_at=now if found is None else found.created_at, updated_at=now, workspace_id=write.workspace_id,
    )  # fmt: skip
    return record, Inserted(id=write.name) if found is None else Done()


def _claimed(found: ConnectionRecord, write: ClaimRenewal, now: int) -> Changed:
    if found.version != write.version:
        return found, _conflict(f"the connection {write.name!r} has been renewed")
    if found.renewing_by != write.by and found.renewing_until is not None and found.renewing_until > now:
        return found, _conflict(f"somebody else renews the connection {write.name!r}")
    return msgspec.structs.replace(found, renewing_until=now + write.for_ms, renewing_by=write.by), Done()


def _conflict(detail: str) -> Refused:
    return Refused(code=ErrorCode.CONFLICT, detail=detail)
