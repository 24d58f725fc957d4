"""Hands mail to SMTP servers by aiosmtplib, over a socket to an address that was checked first."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from email.message import EmailMessage
from types import ModuleType
from typing import Any

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.extras import load_extra
from flowray.handlers.mailing import Delivery, SmtpServer, no_mail_server
from flowray.handlers.providers.aiohttp_transport import check_public

_TLS_PORT, _SUBMISSION_PORT = 465, 587


class SmtpMail:
    """``default`` is the operator's server. A connection for each message: mail is rare, and servers hang up soon.

    ``allow_private``: servers that nodes name may be on this machine or a private network; the operator's always may.
    """

    def __init__(self, default: SmtpServer | None = None, *, allow_private: bool = False) -> None:
        self._default, self._allow_private = default, allow_private

    async def send(
        self, message: EmailMessage, sender: str, recipients: Sequence[str], server: SmtpServer | None, timeout_ms: int
    ) -> Delivery:
        """As MailSender says."""
        chosen = server or self._default
        if chosen is None:
            raise no_mail_server()
        library = load_extra("aiosmtplib", "email")
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                connection = await _connect(chosen, guarded=server is not None and not self._allow_private)
                try:
                    return await _hand_over(library, connection, chosen, message, sender, recipients)
                finally:
                    connection.close()
        except TimeoutError as error:
            raise _failed(ErrorCode.PROVIDER_TIMEOUT, chosen, f"took longer than {timeout_ms} ms", True) from error
        except OSError as error:
            reason = error.strerror or str(error) or type(error).__name__
            raise _failed(ErrorCode.PROVIDER_UNREACHABLE, chosen, f"cannot be reached: {reason}", True) from error


async def _connect(server: SmtpServer, *, guarded: bool) -> socket.socket:
    """A socket to the address that was checked: a name that is asked for again may mean another one."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    if guarded:
        check_public(server.host, [str(entry[4][0]) for entry in found])
    last: OSError = OSError("the name has no address")
    for family, kind, protocol, _, address in found:
        connection = socket.socket(family, kind, protocol)
        connection.setblocking(False)
        try:
            await loop.sock_connect(connection, address)
        except OSError as error:
            connection.close()
            last = error
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise last


async def _hand_over(
    library: ModuleType, connection: socket.socket, server: SmtpServer, message: EmailMessage, sender: str,
    recipients: Sequence[str],
) -> Delivery:  # fmt: skip
    try:
        async with library.SMTP(sock=connection, hostname=server.host, **_options(server)) as client:
            refused, response = await client.send_message(message, sender=sender, recipients=list(recipients))
    except library.SMTPAuthenticationError as error:
        raise _failed(
            ErrorCode.PROVIDER_AUTH, server, f"refuses the user name and password: {error.message}"
        ) from error
    except library.SMTPRecipientsRefused as error:
        reasons = {refusal.recipient: refusal.message for refusal in error.recipients}
        retryable = all(400 <= refusal.code < 500 for refusal in error.recipients)
        raise _failed(
            ErrorCode.PROVIDER_REJECTED, server, "takes none of the recipients", retryable, refused=reasons
        ) from error
    except library.SMTPResponseException as error:
        passing = 400 <= error.code < 500
        code = ErrorCode.PROVIDER_ERROR if passing else ErrorCode.PROVIDER_REJECTED
        raise _failed(code, server, f"answered {error.code} {error.message}", passing) from error
    except library.SMTPTimeoutError as error:
        raise _failed(ErrorCode.PROVIDER_TIMEOUT, server, "did not answer in time", True) from error
    except library.SMTPException as error:
        raise _failed(ErrorCode.PROVIDER_UNREACHABLE, server, f"broke off: {error}", True) from error
    shown = {address: answer.message for address, answer in refused.items()}
    return Delivery(f"{server.host}:{server.port}", str(response)[:500], shown)


def _options(server: SmtpServer) -> dict[str, Any]:
    security = server.security
    if security == "auto" and server.port == _TLS_PORT:
        security = "tls"
    elif security == "auto" and (server.port == _SUBMISSION_PORT or server.username):
        security = "starttls"  # A password never goes out where anybody can read it, unless that is asked for.
    return {
        "use_tls": security == "tls", "start_tls": {"starttls": True, "tls": False, "none": False}.get(security),
        "username": server.username, "password": server.password, "validate_certs": server.verify, "timeout": None,
        "local_hostname": "localhost",
    }  # fmt: skip


def _failed(code: ErrorCode, server: SmtpServer, what: str, retryable: bool = False, **details: Any) -> FlowrayError:
    return FlowrayError(
        code, f"the mail server {server.host}:{server.port} {what}"[:500],
        details={"server": f"{server.host}:{server.port}", **details}, retryable=retryable,
    )  # fmt: skip
