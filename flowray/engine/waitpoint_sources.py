"""What may answer a waitpoint besides its own token, as texts: a shared waitpoint, or an event. Look-ups are elsewhere.

A source never holds a token, only its hash: events show it to whoever may read the execution.
"""

from __future__ import annotations

import hashlib

_TOKEN, _NAME, _EVENT = "token:", "name:", "event:"


def token_hash(token: str) -> str:
    """Under which a token is looked up."""
    return hashlib.sha256(token.encode()).hexdigest()


def of_token(token: str) -> str:
    """The shared waitpoint with this token."""
    return of_token_hash(token_hash(token))


def of_token_hash(hashed: str) -> str:
    """The shared waitpoint whose token has this hash."""
    return _TOKEN + hashed


def of_name(name: str) -> str:
    """The shared waitpoint of this name, whether somebody has created it or not."""
    return _NAME + name


def of_event(name: str) -> str:
    """Events of this name."""
    return _EVENT + name


def is_shared(source: str | None) -> bool:
    """True for a shared waitpoint."""
    return source is not None and source.startswith((_TOKEN, _NAME))


def hash_in(source: str) -> str | None:
    """The hash of the token of a shared waitpoint, if it is meant by its token."""
    return source.removeprefix(_TOKEN) if source.startswith(_TOKEN) else None


def name_in(source: str) -> str | None:
    """The name of a shared waitpoint, if it is meant by its name."""
    return source.removeprefix(_NAME) if source.startswith(_NAME) else None
