"""Personal data in texts, by patterns: finds and masks what has a form of its own. Names of people have none.

Entities are called as in Microsoft's Presidio, which SIM uses. Patterns are bounded, so that no text takes them long.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Entity:
    """A find: ``text[start:end]``, in characters."""

    type: str
    start: int
    end: int
    text: str


def _luhn(text: str) -> bool:
    digits = [int(sign) for sign in text if sign.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = [digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[-2::-2]]
    return (sum(doubled) + sum(digits[-1::-2])) % 10 == 0


def _iban(text: str) -> bool:
    """ISO 13616: the rest of the number by 97 is 1."""
    compact = text.replace(" ", "").upper()
    if not 15 <= len(compact) <= 34:
        return False
    moved = compact[4:] + compact[:4]
    return int("".join(str(int(sign, 36)) for sign in moved)) % 97 == 1


def _ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _ssn(text: str) -> bool:
    area, group, serial = re.split(r"[- ]", text)
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def _phone(text: str) -> bool:
    return 8 <= sum(sign.isdigit() for sign in text) <= 15


def _any(text: str) -> bool:
    return True


_PHONES = re.compile(
    r"(?<![\w+.-])(?:\+\d(?:[ .()/-]{0,2}\d){7,14}"  # international
    r"|\(\d{2,5}\)[ .-]?\d{2,9}(?:[ .-]\d{2,6}){0,3}"  # an area code in brackets
    r"|\d{3}[ .-]\d{3}[ .-]\d{4}"  # North America
    r"|0\d{1,5}[ /-]\d{3,9}(?:[ -]\d{2,6}){0,3})(?![\w-])"  # with a trunk prefix
)

_KINDS: dict[str, tuple[re.Pattern[str], Callable[[str], bool]]] = {
    "EMAIL_ADDRESS": (
        re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])"), _any,
    ),
    "URL": (re.compile(r"\bhttps?://[^\s<>\"']{1,2000}", re.I), _any),
    "IBAN_CODE": (re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", re.I), _iban),
    "CREDIT_CARD": (re.compile(r"(?<![\d-])\d(?:[ -]?\d){12,18}(?![\d-])"), _luhn),
    "US_SSN": (re.compile(r"(?<![\d-])\d{3}[- ]\d{2}[- ]\d{4}(?![\d-])"), _ssn),
    "IP_ADDRESS": (
        re.compile(r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f:]{2,39}:[0-9A-Fa-f:.]{1,39})(?![\w:])"), _ip,
    ),
    "PHONE_NUMBER": (_PHONES, _phone),
}  # fmt: skip
"""In the order in which they win: what one of them has found is no other's."""

TYPES = tuple(_KINDS)


def find_entities(text: str, types: Collection[str] = TYPES) -> list[Entity]:
    """All of these types, in the order of the text; none lies in another."""
    found: list[Entity] = []
    taken = bytearray(len(text))
    for kind, (pattern, holds) in _KINDS.items():
        for match in pattern.finditer(text) if kind in types else ():
            if taken.find(1, match.start(), match.end()) < 0 and holds(match[0]):
                taken[match.start() : match.end()] = b"\1" * len(match[0])
                found.append(Entity(kind, match.start(), match.end(), match[0]))
    return sorted(found, key=lambda entity: entity.start)


def masked(text: str, entities: Sequence[Entity]) -> str:
    """The text with ``<TYPE>`` in place of each find."""
    pieces, end = [], 0
    for entity in entities:
        pieces += [text[end : entity.start], f"<{entity.type}>"]
        end = entity.end
    return "".join([*pieces, text[end:]])
