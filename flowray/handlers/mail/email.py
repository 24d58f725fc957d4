"""The ``email`` node: composes a message with attachments of the workspace, and hands it to an SMTP server."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, getaddresses
from typing import Any

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.file_sources import Source, read_source
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.mailing import Security, SmtpServer
from flowray.handlers.node_config import NodeConfig, config_of, rename, text_of
from flowray.handlers.workspace import MIB, above_limit
from flowray.handlers.workspace_paths import as_file_name
from flowray.values import Json

MAX_RECIPIENTS = 100
ATTACHED_BYTES = 25 * MIB
"""Of all attachments; most servers take no more."""


class EmailConfig(NodeConfig):
    """The message, and the server that takes it; without ``smtpHost`` it is the operator's."""

    to: Any = Field(description="One address or several: a list, or text with commas. Names as in 'Ann <ann@x.org>'.")
    cc: Any = Field(None, description="Who gets a copy.")
    bcc: Any = Field(None, description="Who gets a copy unseen by the others.")
    sender: str | None = Field(None, alias="from", description="Whose address it is sent from; else the operator's.")
    reply_to: Any = Field(None, description="Where answers go.")
    subject: str = Field("", max_length=998, description="One line.")
    text: str = Field("", description="The message as text.")
    html: str = Field("", description="The message as HTML, beside the text or instead of it.")
    attachments: list[Any] = Field(default_factory=list, description="Files: paths, or as for fileRead.")
    headers: dict[str, str] = Field(default_factory=dict, description="Further headers, such as X-Campaign.")
    smtp_host: str | None = Field(None, description="Name of the server.")
    smtp_port: int = Field(587, ge=1, le=65_535, description="Port of the server.")
    security: Security = Field(
        "auto", description="tls from the start, starttls, none; auto by the port, always encrypted with a password."
    )
    username: str | None = Field(None, description="At the server.")
    password: str | None = Field(None, description="At the server: a secret, as {{secret.SMTP_PASSWORD}}.")
    verify_certificate: bool = Field(True, description="Whether the server's certificate must be good.")
    timeout: int = Field(60_000, ge=1_000, le=300_000, description="For all of it, in ms.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(
            values, to=("recipients", "recipient"), sender=("from", "fromEmail", "fromAddress"),
            text=("body", "message", "content"), html=("htmlBody", "bodyHtml"), attachments=("files",),
            smtpHost=("host", "server"), smtpPort=("port",), username=("user", "smtpUser"), password=("smtpPassword",),
        )  # fmt: skip
        if isinstance(given, dict):
            if given.pop("isHtml", False) is True and not given.get("html"):
                given["html"] = given.pop("text", "")
            for key in ("subject", "text", "html"):
                given[key] = text_of(given.get(key))
            attached = given.get("attachments")
            given["attachments"] = (
                attached if isinstance(attached, list) else [] if attached in (None, "") else [attached]
            )
        return given


class EmailHandler:
    """Output: ``{messageId, accepted, refused, server, response, attachmentCount}``: which recipients the server took,
    and why it refused others. The message id is the same for each repeat, so a receiver can tell them.
    """

    node_type = NodeType(
        name="email",
        summary="Sends an e-mail by SMTP.",
        config_model=EmailConfig,
        category="integrations",
        effects=Effects.WRITE,
        fields={"security": FieldKind.LITERAL, "isHtml": FieldKind.LITERAL},
    )

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises INVALID_NODE_CONFIG for wrong addresses, CONFIGURATION without a server, PROVIDER_AUTH,
        PROVIDER_REJECTED, PROVIDER_UNREACHABLE, PROVIDER_TIMEOUT, FILE_LIMIT_EXCEEDED, and as the sources do.
        """
        config = config_of(node, EmailConfig)
        attached = [await read_source(node, one, limit_bytes=ATTACHED_BYTES) for one in config.attachments]
        size = sum(len(source.data) for source in attached)
        if size > ATTACHED_BYTES:
            raise above_limit("what is attached", size, ATTACHED_BYTES, "send links instead")
        sender = _one_address(config.sender or node.services.mail_from)
        try:
            message = compose(config, sender, attached, message_id(node, sender), node.now_ms())
        except (ValueError, TypeError) as error:
            # A line break in a header, which could add others.
            raise _wrong(f"the message cannot be composed: {error}") from error
        recipients = [address for field in (config.to, config.cc, config.bcc) for _, address in addresses(field)]
        if not 1 <= len(recipients) <= MAX_RECIPIENTS:
            raise _wrong(f"one to {MAX_RECIPIENTS} recipients are expected, and {len(recipients)} are given")
        server = None
        if config.smtp_host:
            server = SmtpServer(
                config.smtp_host,
                config.smtp_port,
                config.security,
                config.username,
                config.password,
                config.verify_certificate,
            )
        sent = await node.services.mail.send(message, sender[1], recipients, server, config.timeout)
        return NodeResult(
            data={
                "messageId": str(message["Message-ID"]),
                "server": sent.server,
                "response": sent.response,
                "accepted": [address for address in recipients if address not in sent.refused],
                "refused": dict(sent.refused),
                "attachmentCount": len(attached),
            }
        )


def compose(
    config: EmailConfig, sender: tuple[str, str], attached: Sequence[Source], its_id: str, now_ms: int
) -> EmailMessage:
    """The message. Raises ValueError for a header that cannot be one."""
    message = EmailMessage(policy=SMTP)
    message["From"] = _shown([sender])
    for name, given in (("To", config.to), ("Cc", config.cc), ("Reply-To", config.reply_to)):
        if found := addresses(given):
            message[name] = _shown(found)
    message["Subject"] = config.subject
    message["Date"] = formatdate(now_ms / 1000)
    message["Message-ID"] = its_id
    for name, value in config.headers.items():
        if name.lower() in message or name.lower().startswith(("content-", "mime-", "bcc")):
            raise ValueError(f"the header {name!r} is not for others to set")
        message[name] = value
    if config.text or not config.html:
        message.set_content(config.text)
    if config.html:
        if config.text:
            message.add_alternative(config.html, subtype="html")
        else:
            message.set_content(config.html, subtype="html")
    for at, source in enumerate(attached, start=1):
        major, _, minor = source.media_type.partition("/")
        name = as_file_name(source.name or f"attachment{at}")
        message.add_attachment(source.data, maintype=major, subtype=minor or "octet-stream", filename=name)
    return message


def message_id(node: NodeInput, sender: tuple[str, str]) -> str:
    """The same for every repeat of one effect (R31), and tells nobody of the execution (RFC 5322, 3.6.4)."""
    key = node.idempotency_key or f"{node.execution_id}/{node.instance}/{node.tries}"
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{sender[1].rpartition('@')[2]}>"


def addresses(given: Json) -> list[tuple[str, str]]:
    """``[(name, address)]`` of a list or of text with commas. Raises INVALID_NODE_CONFIG for what is no address."""
    texts = [text_of(one) for one in given] if isinstance(given, list) else [text_of(given)] if given else []
    if any(not letter.isprintable() for text in texts for letter in text):
        raise _wrong("a mail address has a line break or another control character")
    found = getaddresses([text for text in texts if text.strip()])
    for _, address in found:
        local, at, domain = address.rpartition("@")
        if not (local and at and domain) or any(letter.isspace() or ord(letter) < 33 for letter in address):
            raise _wrong(f"{address[:100] or given!r} is no mail address")
    return found


def _one_address(given: str | None) -> tuple[str, str]:
    found = addresses(given)
    if len(found) != 1:
        raise _wrong("the message needs one sender", hint="set from, or FLOWRAY_SMTP_FROM for all messages")
    return found[0]


def _shown(found: Sequence[tuple[str, str]]) -> str:
    quoted = ((name.replace("\\", "").replace('"', "'"), address) for name, address in found)
    return ", ".join(f'"{name}" <{address}>' if name else address for name, address in quoted)


def _wrong(message: str, hint: str | None = None) -> FlowrayError:
    return FlowrayError(ErrorCode.INVALID_NODE_CONFIG, message, hint=hint)
