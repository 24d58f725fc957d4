"""Access tokens of OAuth 2 (RFC 6749): what is sent to a token endpoint, and what its answer says. Keeps nothing."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.services import HttpRequest, HttpResponse, HttpTransport
from flowray.values import decode_json

TIMEOUT_MS = 20_000
USUAL_LIFETIME_S = 3_600
"""Of a token whose endpoint does not say (RFC 6749, 5.1 leaves it open)."""


@dataclass(frozen=True)
class Tokens:
    """What an endpoint has given: secrets to keep, and for how many seconds the access token is good."""

    secrets: Mapping[str, str]
    lifetime_s: int


async def new_tokens(http: HttpTransport, name: str, fields: Mapping[str, str], secrets: Mapping[str, str]) -> Tokens:
    """Ask the endpoint of a connection's fields, by its grant. A new refresh token takes the place of the old one.

    Raises PROVIDER_AUTH if it refuses, PROVIDER_ERROR (retryable) if it cannot answer now, and what sending raises.
    Messages hold no secret.
    """
    response = await http.send(_request(fields, secrets))
    document = _document(response)
    token = document.get("access_token")
    if response.status >= 400 or not isinstance(token, str) or not token:
        raise _refusal(name, response, document)
    given = {"access_token": token}
    refresh = document.get("refresh_token")
    if isinstance(refresh, str) and refresh:
        given["refresh_token"] = refresh
    lifetime = document.get("expires_in")
    whole = str(lifetime).isdigit()
    return Tokens({**secrets, **given}, int(str(lifetime)) if whole else USUAL_LIFETIME_S)


def _request(fields: Mapping[str, str], secrets: Mapping[str, str]) -> HttpRequest:
    grant = fields.get("grant", "client_credentials")
    form = {"grant_type": grant}
    form |= {name: fields[name] for name in ("scope", "audience") if fields.get(name)}
    if grant == "refresh_token":
        form["refresh_token"] = secrets["refresh_token"]
    headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")]
    secret = secrets.get("client_secret", "")
    if secret and fields.get("client_auth", "basic") == "basic":
        # Both parts are form-encoded before they are joined (RFC 6749, 2.3.1): a colon in them would end the first.
        pair = f"{quote(fields['client_id'], safe='')}:{quote(secret, safe='')}"
        headers.append(("Authorization", "Basic " + base64.b64encode(pair.encode()).decode()))
    else:
        form |= {"client_id": fields["client_id"], **({"client_secret": secret} if secret else {})}
    return HttpRequest(
        "POST", fields["token_url"], headers, content=urlencode(form).encode(), timeout_ms=TIMEOUT_MS,
        follow_redirects=False,
    )  # fmt: skip


def _document(response: HttpResponse) -> dict[str, Any]:
    try:
        found = decode_json(response.content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _refusal(name: str, response: HttpResponse, document: Mapping[str, Any]) -> FlowrayError:
    # Only what the RFC defines is repeated: further texts of an endpoint might hold what was sent to it.
    reason = str(document.get("error", response.reason or "no access token in the answer"))[:100]
    later = response.status >= 500 or response.status == 429
    return FlowrayError(
        ErrorCode.PROVIDER_ERROR if later else ErrorCode.PROVIDER_AUTH,
        f"the connection {name!r} got no token: its endpoint answered {response.status} {reason}",
        details={"connection": name, "status": response.status, "error": reason},
        retryable=later,
        hint=None if later else f"check its fields and secrets: flowray connections test {name}",
    )
