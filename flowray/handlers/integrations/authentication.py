"""What a connection adds to a request: headers and query parameters, by its kind. Gets no tokens; those are there."""

from __future__ import annotations

import base64

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.connections import Connection, ConnectionKind

Pairs = list[tuple[str, str]]


def authenticated(connection: Connection, key_header: str = "X-API-Key", key_prefix: str = "") -> tuple[Pairs, Pairs]:
    """``(headers, query)``. ``key_header`` and ``key_prefix`` say where the provider wants an API key, unless the
    connection's own fields ``header``, ``query`` or ``prefix`` do. Raises PROVIDER_AUTH for a secret that is missing.
    """
    match connection.kind:
        case ConnectionKind.BEARER:
            return [("Authorization", f"Bearer {connection.secret('token')}")], []
        case ConnectionKind.OAUTH2:
            return [("Authorization", f"Bearer {connection.secret('access_token')}")], []
        case ConnectionKind.BASIC:
            return [basic(connection.fields.get("username", ""), connection.secret("password"))], []
        case ConnectionKind.API_KEY:
            key = connection.fields.get("prefix", key_prefix) + connection.secret("api_key")
            if connection.fields.get("query"):
                return [], [(connection.fields["query"], key)]
            header = connection.fields.get("header", key_header)
            return ([(header, key)] if header else []), []
    return [], []


def basic(user: str, password: str) -> tuple[str, str]:
    """The header of HTTP's basic scheme (RFC 7617)."""
    return "Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def needs_connection(provider: str) -> FlowrayError:
    """PROVIDER_AUTH for a provider that wants to know who calls."""
    return FlowrayError(
        ErrorCode.PROVIDER_AUTH,
        f"{provider} needs a connection, and the node names none",
        hint=f"flowray connections add NAME --provider {provider} makes one; the connection 'sandbox' needs no account",
    )
