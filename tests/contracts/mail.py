"""The contract of ``email``: a real SMTP server on this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from flowray.errors import ErrorCode
from flowray.handlers.providers.smtp_mail import SmtpMail
from tests.contracts.contract import Case, Contract, World
from tests.contracts.filing import has_code, on_disk
from tests.fakes.smtp_server import smtp_server

BASE = {"from": "ann@x.org", "smtpHost": "127.0.0.1", "text": "Hello"}


@asynccontextmanager
async def _world() -> AsyncIterator[World]:
    with smtp_server() as mailbox:

        def arrived(subject: str, recipients: list[str], attached: list[str]) -> Any:
            def check(output: Any) -> None:
                assert output["accepted"] == recipients
                message = next(one for one in mailbox.messages if one["Subject"] == subject)
                assert message["Message-ID"] == output["messageId"]
                assert [part.get_filename() for part in message.iter_attachments()] == attached

            return check

        config = {**BASE, "smtpPort": mailbox.port}
        cases = [
            Case(
                "plain",
                {**config, "to": "bob@x.org", "subject": "One"},
                arrived("One", ["bob@x.org"], []),
                task={"idempotency_key": "one"},
            ),
            Case(
                "attached",
                {**config, "to": ["bob@x.org", "nobody@x.org"], "subject": "Two", "attachments": ["a.csv"]},
                arrived("Two", ["bob@x.org"], ["a.csv"]),
                task={"idempotency_key": "two"},
            ),
            Case("refused", {**config, "to": "nobody@x.org"}, has_code(ErrorCode.PROVIDER_REJECTED), fails=True),
            Case(
                "no server",
                {**config, "to": "b@x.org", "smtpPort": 1},
                has_code(ErrorCode.PROVIDER_UNREACHABLE),
                fails=True,
            ),
        ]
        async with on_disk(lambda folder: cases, {"a.csv": b"n\n1\n"}, mail=SmtpMail(allow_private=True)) as world:
            yield world


CONTRACTS = [Contract("email", "an SMTP server on this machine (aiosmtpd)", _world)]
