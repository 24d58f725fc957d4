"""The email node: what it composes, and what it refuses to."""

from __future__ import annotations

from collections.abc import Sequence
from email.message import EmailMessage
from typing import Any

import pytest

from flowray.errors import ErrorCode
from flowray.handlers.mailing import Delivery, SmtpServer
from flowray.handlers.services import Services
from tests.fakes.services import fake_services
from tests.fakes.workspace import MemoryWorkspace
from tests.handlers.running import fail, output

BASE = {"to": "bob@x.org", "from": "Ann <ann@x.org>", "subject": "Hi", "text": "Hello"}


class _Sender:
    def __init__(self) -> None:
        self.sent: list[tuple[EmailMessage, str, Sequence[str], SmtpServer | None]] = []

    async def send(
        self, message: EmailMessage, sender: str, recipients: Sequence[str], server: SmtpServer | None, timeout_ms: int
    ) -> Delivery:
        self.sent.append((message, sender, recipients, server))
        return Delivery("h:1", "250 kept", {"nobody@x.org": "no such user"})


def outside(files: dict[str, bytes] | None = None, **more: Any) -> tuple[_Sender, Services]:
    sender = _Sender()
    return sender, fake_services(mail=sender, files=MemoryWorkspace(files), **more)


async def test_a_message_with_everything() -> None:
    sender, services = outside({"a.csv": b"n\n1\n"})
    config = {
        **BASE, "to": ["Bob <bob@x.org>", "cid@x.org"], "cc": "dan@x.org, nobody@x.org", "bcc": "eve@x.org",
        "html": "<b>Hello</b>", "attachments": ["a.csv"], "replyTo": "re@x.org", "headers": {"X-Campaign": "7"},
        "smtpHost": "mail", "smtpPort": 25, "username": "u", "password": "p", "security": "none",
    }  # fmt: skip
    found = await output("email", config, services=services, idempotency_key="k1")
    assert found["accepted"] == ["bob@x.org", "cid@x.org", "dan@x.org", "eve@x.org"]
    assert (found["refused"], found["attachmentCount"]) == ({"nobody@x.org": "no such user"}, 1)
    ((message, address, recipients, server),) = sender.sent
    assert (address, len(recipients)) == ("ann@x.org", 5)
    assert server == SmtpServer("mail", 25, "none", "u", "p")
    assert "password" not in repr(server)
    assert (message["To"], message["From"], message["X-Campaign"]) == (
        'Bob <bob@x.org>, cid@x.org', 'Ann <ann@x.org>', "7",
    )  # fmt: skip
    assert "eve" not in str(message)
    assert message["Date"] == "Sun, 15 Jun 2025 15:06:40 -0000"
    (attached,) = message.iter_attachments()
    assert (attached.get_filename(), attached.get_content_type()) == ("a.csv", "text/csv")
    kinds = [part.get_content_type() for part in message.walk()]
    assert kinds[:4] == ["multipart/mixed", "multipart/alternative", "text/plain", "text/html"]


async def test_a_repeat_has_the_same_id_and_another_try_has_not() -> None:
    _, services = outside()
    ids = [
        (await output("email", BASE, services=services, idempotency_key=key))["messageId"] for key in ("a", "a", "b")
    ]
    assert ids[0] == ids[1] != ids[2]
    assert ids[0].endswith("@x.org>")


async def test_the_operators_server_and_sender() -> None:
    sender, services = outside(mail_from="flow@y.org")
    await output("email", {"to": "bob@x.org", "body": "<p>x</p>", "isHtml": True}, services=services)
    ((message, address, _, server),) = sender.sent
    assert (address, server, message.get_content_type()) == ("flow@y.org", None, "text/html")
    error = await fail("email", {"to": "bob@x.org", "body": "x"}, services=outside()[1])
    assert (error.code, "FLOWRAY_SMTP_FROM" in (error.hint or "")) == (ErrorCode.INVALID_NODE_CONFIG, True)


@pytest.mark.parametrize(
    "changes",
    [
        {"to": ""}, {"to": "no address"}, {"to": ["a@x.org"] * 101}, {"from": "a@x.org, b@x.org"},
        {"subject": "Hi\nBcc: eve@x.org"}, {"headers": {"X-A": "1\r\nBcc: e@x.org"}}, {"headers": {"Bcc": "e@x.org"}},
        {"headers": {"Subject": "other"}}, {"to": "a\r\nb@x.org"}, {"smtpPort": 0},
    ],
)  # fmt: skip
async def test_what_is_no_message(changes: dict[str, Any]) -> None:
    sender, services = outside()
    assert (await fail("email", {**BASE, **changes}, services=services)).code == ErrorCode.INVALID_NODE_CONFIG
    assert sender.sent == []


async def test_attachments_are_files_of_the_workspace_within_a_limit() -> None:
    services = outside({"a": b"x" * 13_000_000, "b": b"x" * 14_000_000})[1]
    error = await fail("email", {**BASE, "attachments": ["a", "b"]}, services=services)
    assert error.code == ErrorCode.FILE_LIMIT_EXCEEDED
    assert (await fail("email", {**BASE, "attachments": ["../a"]}, services=services)).code == ErrorCode.FORBIDDEN
    assert (await fail("email", {**BASE, "attachments": "none"}, services=services)).code == ErrorCode.NOT_FOUND


async def test_without_a_server() -> None:
    error = await fail("email", BASE)
    assert (error.code, "FLOWRAY_SMTP_HOST" in (error.hint or "")) == (ErrorCode.CONFIGURATION, True)
