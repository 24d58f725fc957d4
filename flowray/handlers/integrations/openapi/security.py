"""Which credentials of a connection an operation of an OpenAPI document takes, and where it wants them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.connections import Connection, ConnectionKind
from flowray.handlers.integrations.authentication import Pairs, authenticated, needs_connection
from flowray.handlers.integrations.openapi.document import Document
from flowray.handlers.integrations.openapi.operations import OpenApiOperation

_TOKENS = frozenset({ConnectionKind.BEARER, ConnectionKind.OAUTH2})


def credentials(
    document: Document, described: OpenApiOperation, connection: Connection | None
) -> tuple[Pairs, Pairs, Pairs]:
    """``(headers, query, cookies)`` by the first alternative that the connection fits; nothing where none is needed.

    Raises PROVIDER_AUTH without a connection where one is needed, and for one that fits no alternative.
    """
    alternatives = described.security
    if not alternatives or (connection is None and () in alternatives):
        return [], [], []
    if connection is None:
        raise needs_connection(document.name)
    schemes: Mapping[str, Any] = (document.root.get("components") or {}).get("securitySchemes") or {}
    for names in alternatives:
        # A connection is one account: it answers one scheme.
        if len(names) == 1:
            found = _of_scheme(document.followed(schemes.get(names[0])), connection)
            if found is not None:
                return found
    if () in alternatives:
        return [], [], []
    wanted = ", ".join("+".join(names) for names in alternatives if names)
    raise FlowrayError(
        ErrorCode.PROVIDER_AUTH,
        f"{document.name} {described.operation.name} takes no connection of kind {connection.kind.value}",
        hint=f"its document asks for: {wanted}",
    )


def _of_scheme(scheme: Any, connection: Connection) -> tuple[Pairs, Pairs, Pairs] | None:
    """None if the connection is of another kind than the scheme."""
    if not isinstance(scheme, Mapping):
        return None
    kind = scheme.get("type")
    if kind == "apiKey" and connection.kind is ConnectionKind.API_KEY:
        pair = (str(scheme.get("name")), connection.fields.get("prefix", "") + connection.secret("api_key"))
        return {"header": ([pair], [], []), "query": ([], [pair], []), "cookie": ([], [], [pair])}.get(
            str(scheme.get("in"))
        )
    http = str(scheme.get("scheme", "")).lower() if kind == "http" else ""
    fits = (
        (http == "basic" and connection.kind is ConnectionKind.BASIC)
        or (http == "bearer" and connection.kind in _TOKENS)
        or (kind in ("oauth2", "openIdConnect") and connection.kind in _TOKENS)
    )
    return (authenticated(connection)[0], [], []) if fits else None
