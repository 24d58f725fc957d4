"""Sending mail, as handlers see it. Not how a message is composed: see ``mail.email``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Literal, Protocol

from flowray.errors import ErrorCode, FlowrayError

Security = Literal["auto", "starttls", "tls", "none"]


@dataclass(frozen=True)
class SmtpServer:
    """Where mail is handed over. ``auto`` is TLS at port 465, STARTTLS at 587 or with a user name, and elsewhere as the
    server offers it."""

    host: str
    port: int = 587
    security: Security = "auto"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    verify: bool = True


@dataclass(frozen=True)
class Delivery:
    """What the server said. ``refused`` maps recipients that it did not take to its reasons."""

    server: str
    response: str
    refused: Mapping[str, str] = field(default_factory=dict)


class MailSender(Protocol):
    """Hands messages to SMTP servers."""

    async def send(
        self, message: EmailMessage, sender: str, recipients: Sequence[str], server: SmtpServer | None, timeout_ms: int
    ) -> Delivery:
        """``server``: None for the operator's. Raises CONFIGURATION where there is none, FORBIDDEN for one that may not
        be reached, PROVIDER_UNREACHABLE, PROVIDER_TIMEOUT, PROVIDER_AUTH, PROVIDER_REJECTED, PROVIDER_ERROR.
        """
        ...


class NoMailSender:
    """Of a lane that was given none."""

    async def send(
        self, message: EmailMessage, sender: str, recipients: Sequence[str], server: SmtpServer | None, timeout_ms: int
    ) -> Delivery:
        raise no_mail_server()


def no_mail_server() -> FlowrayError:
    """What is raised where neither the node nor the operator names a server."""
    return FlowrayError(
        ErrorCode.CONFIGURATION, "no SMTP server is set up",
        hint="set FLOWRAY_SMTP_HOST, or give the node smtpHost, smtpPort, username and password",
    )  # fmt: skip
