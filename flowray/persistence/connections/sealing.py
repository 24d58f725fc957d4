"""Seals secrets with keys that the database does not have: authenticated encryption (Fernet: AES and HMAC-SHA-256).

The first key seals, all of them open: a key is replaced by putting the new one first. What is sealed names its
connection, so that it opens as no other. Loaded only where secrets are sealed or opened.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from flowray.errors import ErrorCode, FlowrayError
from flowray.values import decode_json, encode_json

_BETWEEN = re.compile(r"[\s,]+")


class Sealer:
    """Seals and opens the secrets of connections. Raises CONFIGURATION for keys that are none."""

    def __init__(self, keys: Sequence[str]) -> None:
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError as error:
            raise FlowrayError(
                ErrorCode.CONFIGURATION,
                "an encryption key is not 32 bytes in URL-safe base64",
                hint="flowray connections key prints a new one",
            ) from error

    def seal(self, workspace_id: str, name: str, secrets: Mapping[str, str]) -> str:
        """Text without meaning to whoever lacks the key."""
        content = {"workspace": workspace_id, "name": name, "secrets": dict(secrets)}
        return self._fernet.encrypt(encode_json(content)).decode()

    def open(self, workspace_id: str, name: str, sealed: str) -> dict[str, str]:
        """The secrets. Raises CONFIGURATION if no key here opens it, or it was sealed for another connection."""
        try:
            content = decode_json(self._fernet.decrypt(sealed.encode()))
        except InvalidToken as error:
            raise FlowrayError(
                ErrorCode.CONFIGURATION,
                f"no encryption key of this process opens the connection {name!r}",
                hint="all processes need the same FLOWRAY_ENCRYPTION_KEY; after a change, the old key behind the new",
            ) from error
        if not isinstance(content, dict) or (content.get("workspace"), content.get("name")) != (workspace_id, name):
            raise FlowrayError(ErrorCode.CONFIGURATION, f"what is kept for the connection {name!r} is of another one")
        return {str(key): str(value) for key, value in content["secrets"].items()}


def new_key() -> str:
    """A new key: 32 random bytes in URL-safe base64."""
    return Fernet.generate_key().decode()


def split_keys(text: str) -> list[str]:
    """Keys of a setting or file: between white space or commas, the one that seals first."""
    return [key for key in _BETWEEN.split(text) if key]


def kept_keys(path: Path) -> list[str]:
    """The keys of a file, which is made with a new key if there is none: readable by its owner alone.

    Safe to call from several processes at once: whoever comes second finds a whole key and uses it.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Written aside and linked; the temporary file is readable by its owner alone (0600), and so is the link.
        with tempfile.NamedTemporaryFile("w", dir=path.parent) as file:
            file.write(new_key() + "\n")
            file.flush()
            os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(file.name, path)
    return split_keys(path.read_text(encoding="utf-8"))
