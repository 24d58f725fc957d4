"""Mail handed to a real server, and what servers say against it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.mailing import Delivery, SmtpServer
from flowray.handlers.providers.smtp_mail import SmtpMail, _options
from tests.fakes.smtp_server import Mailbox, smtp_server


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with smtp_server() as box:
        yield box


def message() -> EmailMessage:
    made = EmailMessage()
    made["Subject"], made["From"], made["To"] = "Grüße", "a@x.org", "b@x.org"
    made.set_content("Hello\n.\nend")
    return made


async def sent(mail: SmtpMail, to: list[str], server: SmtpServer | None, timeout_ms: int = 60_000) -> Delivery:
    return await mail.send(message(), "a@x.org", to, server, timeout_ms)


async def code_of(mail: SmtpMail, to: list[str], server: SmtpServer | None, **more: Any) -> tuple[str, bool]:
    with pytest.raises(FlowrayError) as raised:
        await sent(mail, to, server, **more)
    assert "sesame" not in str(raised.value)
    return str(raised.value.code), raised.value.retryable


async def test_what_is_sent_arrives(mailbox: Mailbox) -> None:
    server = SmtpServer("127.0.0.1", mailbox.port)
    found = await sent(SmtpMail(allow_private=True), ["b@x.org", "nobody@x.org"], server)
    assert (found.server, found.refused) == (f"127.0.0.1:{mailbox.port}", {"nobody@x.org": "no such user"})
    assert "kept" in found.response
    assert (mailbox.messages[0]["Subject"], mailbox.recipients) == ("Grüße", [["b@x.org"]])
    assert mailbox.messages[0].get_content().splitlines() == ["Hello", ".", "end"]


async def test_the_operators_server_may_be_local_and_a_nodes_may_not(mailbox: Mailbox) -> None:
    server = SmtpServer("127.0.0.1", mailbox.port)
    assert (await sent(SmtpMail(server), ["b@x.org"], None)).refused == {}
    assert await code_of(SmtpMail(server), ["b@x.org"], server) == (ErrorCode.FORBIDDEN, False)
    assert await code_of(SmtpMail(), ["b@x.org"], None) == (ErrorCode.CONFIGURATION, False)
    assert len(mailbox.messages) == 1


async def test_passwords(mailbox: Mailbox) -> None:
    mail = SmtpMail(allow_private=True)
    for password, security, code in (
        ("sesame", "none", None), ("wrong", "none", (ErrorCode.PROVIDER_AUTH, False)),
        # The server offers no STARTTLS, so no password goes out.
        ("sesame", "auto", (ErrorCode.PROVIDER_UNREACHABLE, True)),
    ):  # fmt: skip
        server = SmtpServer("127.0.0.1", mailbox.port, security, "ann", password)  # type: ignore[arg-type]
        if code is None:
            await sent(mail, ["b@x.org"], server)
        else:
            assert await code_of(mail, ["b@x.org"], server) == code
    assert len(mailbox.messages) == 1


async def test_what_goes_wrong(mailbox: Mailbox) -> None:
    mail, server = SmtpMail(allow_private=True), SmtpServer("127.0.0.1", mailbox.port)
    assert await code_of(mail, ["nobody@x.org"], server) == (ErrorCode.PROVIDER_REJECTED, False)
    assert await code_of(mail, ["busy@x.org"], server) == (ErrorCode.PROVIDER_REJECTED, True)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        assert await code_of(mail, ["b@x.org"], SmtpServer("127.0.0.1", port)) == (ErrorCode.PROVIDER_UNREACHABLE, True)
        silent.listen()
        answer = await code_of(mail, ["b@x.org"], SmtpServer("127.0.0.1", port), timeout_ms=100)
        assert answer == (ErrorCode.PROVIDER_TIMEOUT, True)


@pytest.mark.parametrize(
    ("server", "tls", "starttls"),
    [
        (SmtpServer("h", 465), True, False), (SmtpServer("h", 587), False, True), (SmtpServer("h", 25), False, None),
        (SmtpServer("h", 25, username="u"), False, True), (SmtpServer("h", 25, "none", "u"), False, False),
        (SmtpServer("h", 587, "tls"), True, False),
    ],
)  # fmt: skip
def test_how_the_connection_is_encrypted(server: SmtpServer, tls: bool, starttls: bool | None) -> None:
    options = _options(server)
    assert (options["use_tls"], options["start_tls"]) == (tls, starttls)
