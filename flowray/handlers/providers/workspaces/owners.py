"""The folder of an execution's workspace, by its id. The rule of the payload stores, so retention knows both."""

from __future__ import annotations

import hashlib
import re

_SAFE = re.compile(r"[A-Za-z0-9_-]{1,100}")


def folder_of(owner: str) -> str:
    """Its id, or the hash of an id that is no file name."""
    return owner if is_folder(owner) else hashlib.sha256(owner.encode()).hexdigest()


def is_folder(name: str) -> bool:
    """True if it may be the folder of an execution."""
    return _SAFE.fullmatch(name) is not None
