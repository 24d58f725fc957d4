"""What a connection of each kind is made of: its fields and secrets, checked when it is made or changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.connections import ConnectionKind

GRANTS = ("client_credentials", "refresh_token")


@dataclass(frozen=True)
class KindOfConnection:
    """Names of what a kind needs and what it may have. Every kind may have the field ``base_url``.

    ``open``: it may have further fields and secrets, of any name.
    """

    fields: tuple[str, ...] = ()
    optional_fields: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    optional_secrets: tuple[str, ...] = ()
    open: bool = False


KINDS: Mapping[ConnectionKind, KindOfConnection] = {
    ConnectionKind.API_KEY: KindOfConnection(optional_fields=("header", "query", "prefix"), secrets=("api_key",)),
    ConnectionKind.BASIC: KindOfConnection(fields=("username",), secrets=("password",)),
    ConnectionKind.BEARER: KindOfConnection(secrets=("token",)),
    ConnectionKind.OAUTH2: KindOfConnection(
        fields=("token_url", "client_id"),
        optional_fields=("grant", "scope", "audience", "client_auth"),
        optional_secrets=("client_secret", "refresh_token", "access_token"),
    ),
    ConnectionKind.DATABASE: KindOfConnection(secrets=("url",)),
    ConnectionKind.CUSTOM: KindOfConnection(open=True),
    ConnectionKind.SANDBOX: KindOfConnection(optional_fields=("scenario",)),
}

_ANY_KIND = ("base_url", "openapi", "mcp")
"""Fields that every kind may have: another address of the provider, the URL of what describes its operations."""


def check_connection(kind: ConnectionKind, fields: Mapping[str, str], secrets: Mapping[str, str]) -> None:
    """Raises INVALID_REQUEST that lists everything that is missing or unknown; never the value of anything."""
    known = KINDS[kind]
    problems = [_problem("fields", name, "is missing") for name in known.fields if not fields.get(name)]
    problems += [_problem("secrets", name, "is missing") for name in known.secrets if not secrets.get(name)]
    if not known.open:
        named = {*known.fields, *known.optional_fields, *_ANY_KIND}
        sealed = {*known.secrets, *known.optional_secrets}
        problems += [_problem("fields", name, _misplaced(name in sealed)) for name in sorted(fields.keys() - named)]
        problems += [_problem("secrets", name, "is unknown") for name in sorted(secrets.keys() - sealed)]
    if kind is ConnectionKind.OAUTH2:
        problems += _oauth2_problems(fields, secrets)
    if problems:
        listed = "; ".join(f"{problem['pointer'].lstrip('/')} {problem['message']}" for problem in problems)
        raise FlowrayError(
            ErrorCode.INVALID_REQUEST,
            f"a connection of kind {kind.value} cannot be made of this: {listed}",
            details={"errors": problems},
            hint=_made_of(known),
        )


def _oauth2_problems(fields: Mapping[str, str], secrets: Mapping[str, str]) -> list[dict[str, str]]:
    grant = fields.get("grant", "client_credentials")
    if grant not in GRANTS:
        return [_problem("fields", "grant", f"is neither of {', '.join(GRANTS)}")]
    needed = "client_secret" if grant == "client_credentials" else "refresh_token"
    return [] if secrets.get(needed) else [_problem("secrets", needed, f"is missing for the grant {grant}")]


def _problem(part: str, name: str, message: str) -> dict[str, str]:
    return {"pointer": f"/{part}/{name}", "message": message}


def _misplaced(is_secret: bool) -> str:
    return "belongs into secrets" if is_secret else "is unknown"


def _made_of(known: KindOfConnection) -> str:
    fields = [*known.fields, *(f"{name}?" for name in (*known.optional_fields, *_ANY_KIND))]
    secrets = [*known.secrets, *(f"{name}?" for name in known.optional_secrets)]
    return f"fields: {', '.join(fields)}; secrets: {', '.join(secrets) or 'none'}"
