"""Values that a request needs and that are made of parameters by more than a template. Pure."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from email.policy import SMTP

from flowray.values import Json


def mail_message(parameters: Mapping[str, Json]) -> Json:
    """A message (RFC 5322) of ``to``, ``cc``, ``bcc``, ``subject``, ``body`` and ``isHtml``, in URL-safe base64.

    Line breaks in a header become blanks: a subject that a template has made can add no header of its own.
    """
    message = EmailMessage(policy=SMTP)
    for header in ("to", "cc", "bcc", "subject"):
        value = parameters.get(header)
        if value:
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            message[header.capitalize()] = " ".join(text.split())
    message.set_content(str(parameters.get("body", "")), subtype="html" if parameters.get("isHtml") else "plain")
    return base64.urlsafe_b64encode(message.as_bytes()).decode()


COMPUTED: Mapping[str, Callable[[Mapping[str, Json]], Json]] = {"mail_message": mail_message}
"""By the name under which templates use them."""
