"""Takes secrets out of what is recorded: inputs, errors, logs. Works on copies; what nodes exchange stays whole."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from flowray.values import Json

MASK = "***"

_MIN_SECRET_CHARS = 4
"""Shorter values occur everywhere by chance; masking them would black out the log without hiding anything."""

_SENSITIVE = frozenset(
    {
        "authorization", "proxyauthorization", "apikey", "xapikey", "password", "passwd", "passphrase", "secret",
        "token", "authcredentials", "credentials", "cookie", "setcookie", "privatekey", "accesskey", "auth",
        "signature", "jwt", "bearer", "bearertoken", "sessionid", "connectionstring",
    }
)  # fmt: skip
_SENSITIVE_ENDINGS = ("password", "secret", "apikey", "token", "privatekey", "accesskey", "secretkey", "authkey")

_IN_TEXT = (
    # A token has a capital, digit or sign in it; "a basic explanation" has not.
    (
        re.compile(r"\b((?i:bearer|basic))\s+(?=\S*[A-Z0-9=_])[A-Za-z0-9._~+/=-]{6,}"),
        lambda found: f"{found[1]} {MASK}",
    ),
    (re.compile(r"(://[^/\s:@]+:)[^/\s@]+@"), lambda found: f"{found[1]}{MASK}@"),
    (
        re.compile(r"([?&](?:api[_-]?key|key|token|access[_-]token|secret|password|signature|sig)=)[^&#\s\"']+", re.I),
        lambda found: f"{found[1]}{MASK}",
    ),
    (re.compile(r"\b(sk|pk|rk)-[A-Za-z0-9_-]{12,}"), lambda found: f"{found[1]}-{MASK}"),
)
_MAY_HIDE = re.compile(r"[\s=-]|://")
"""Each of these forms has one of these in it; most texts that are searched are single words."""


@lru_cache(maxsize=4_096)
def is_sensitive_name(name: str) -> bool:
    """True for keys that hold secrets by their name, in any spelling: ``Authorization``, ``api_key``, ``authToken``."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    return plain in _SENSITIVE or plain.endswith(_SENSITIVE_ENDINGS)


def secret_values(secrets: Mapping[str, str], env: Mapping[str, str]) -> tuple[str, ...]:
    """The values to hide wherever they occur: all secrets, and variables whose name says so. Longest first."""
    values = set(secrets.values())
    values.update(value for name, value in env.items() if is_sensitive_name(name))
    return hidden_values(values)


def hidden_values(values: Iterable[str]) -> tuple[str, ...]:
    """Those of ``values`` that are long enough to be hidden, each once, longest first: one may be part of another."""
    return tuple(sorted({value for value in values if len(value) >= _MIN_SECRET_CHARS}, key=len, reverse=True))


def without_values(value: Json, values: Iterable[str]) -> Json:
    """A copy of ``value`` in which the given secrets are masked, at any depth, and nothing else is."""
    known = hidden_values(values)
    return _replaced(value, known) if known else value


def _replaced(value: Json, known: tuple[str, ...]) -> Json:
    if isinstance(value, str):
        for secret in known:
            value = value.replace(secret, MASK)
        return value
    if isinstance(value, list):
        return [_replaced(item, known) for item in value]
    if isinstance(value, dict):
        return {key: _replaced(item, known) for key, item in value.items()}
    return value


def mask_text(text: str, values: Iterable[str] = ()) -> str:
    """``text`` without the given values, credentials in URLs, and tokens of known forms."""
    for value in values:
        text = text.replace(value, MASK)
    if _MAY_HIDE.search(text) is None:
        return text
    for pattern, replacement in _IN_TEXT:
        text = pattern.sub(replacement, text)
    return text


def mask(value: Json, values: Iterable[str] = ()) -> Json:
    """A copy of ``value`` with secrets replaced, at any depth: by key, by known value, and in lists of headers."""
    return _mask(value, tuple(values))


def _mask(value: Json, known: tuple[str, ...]) -> Json:
    if isinstance(value, str):
        return mask_text(value, known)
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, list | tuple):
        return [_mask(item, known) for item in value]
    if isinstance(value, Mapping):
        named = value.get("key", value.get("name"))
        if isinstance(named, str) and "value" in value and is_sensitive_name(named):
            return {**{key: _mask(item, known) for key, item in value.items()}, "value": MASK}
        return {str(key): _mask_member(str(key), item, known) for key, item in value.items()}
    return value


def _mask_member(key: str, value: Any, known: tuple[str, ...]) -> Json:
    if is_sensitive_name(key) and value not in (None, "", False, True):
        return MASK
    return _mask(value, known)
