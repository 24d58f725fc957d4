"""Values that came as JSON text, often within the code fences of a language model's answer."""

from __future__ import annotations

import re

from flowray.values import Json, decode_json

_FENCE = re.compile(r"\A\s*```[\w-]*\s*\n(.*?)\n?\s*```\s*\Z", re.DOTALL)


def from_text(value: Json) -> Json:
    """The list or object that a text is; anything else as it is."""
    if not isinstance(value, str):
        return value
    fenced = _FENCE.match(value)
    text = (fenced[1] if fenced else value).strip()
    if text[:1] not in ("[", "{"):
        return value
    try:
        return decode_json(text)
    except ValueError:
        return value
