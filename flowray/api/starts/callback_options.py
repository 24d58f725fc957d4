"""Start options about callbacks → the column of the execution's row that says whom to tell what."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flowray.api.http.error_responses import BodyError
from flowray.engine.statuses import TERMINAL_EXECUTION
from flowray.errors import ErrorCode
from flowray.wire import StartOptions

CALLBACK_OPTIONS = {"callback_url", "callback_events", "callback_secret"}


def callback_column(options: StartOptions) -> dict[str, Any] | None:
    """``{url, events, secret?}``, None without a URL; by default every end is told. Raises INVALID_REQUEST.

    Whether the target may be reached is found out when it is: a name may lead elsewhere by then.
    """
    if options.callback_url is None:
        for name in ("callback_events", "callback_secret"):
            if getattr(options, name) is not None:
                raise _misfit(name, "needs a callback_url")
        return None
    _check_url(options.callback_url)
    column: dict[str, Any] = {
        "url": options.callback_url,
        "events": options.callback_events or sorted(status.value for status in TERMINAL_EXECUTION),
    }
    if options.callback_secret is not None:
        column["secret"] = options.callback_secret
    return column


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise _misfit("callback_url", f"is no URL: {error}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise _misfit("callback_url", "must begin with http:// or https:// and name a host")
    if parts.username is not None or parts.password is not None:
        raise _misfit("callback_url", "must not hold a password: it is shown; sign with callback_secret instead")


def _misfit(name: str, message: str) -> BodyError:
    return BodyError(
        ErrorCode.INVALID_REQUEST,
        f"the option {name!r} {message}",
        details={"errors": [{"pointer": f"/options/{name}", "message": message}]},
    )
