"""HTML reduced to what a document needs: no scripts, no styles, and no addresses that would be fetched."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flowray.handlers.extras import load_extra

_KEPT: Mapping[str, tuple[str, ...]] = {
    "a": ("href",), "img": ("src", "width", "height", "alt"), "td": ("colspan", "rowspan", "align"),
    "th": ("colspan", "rowspan", "align"), "ol": ("start",), "p": ("align",), "font": ("color",),
}  # fmt: skip
_TAGS = frozenset((
    "h1", "h2", "h3", "h4", "h5", "h6", "p", "b", "i", "u", "strong", "em", "s", "del", "sub", "sup", "br", "hr", "ul",
    "ol", "li", "dl", "dt", "dd", "table", "thead", "tbody", "tfoot", "tr", "td", "th", "caption", "pre", "code",
    "blockquote", "center", *_KEPT,
))  # fmt: skip
_GONE = ("head", "script", "style", "template", "noscript", "iframe", "object", "embed", "svg", "math", "form", "input")
_IMAGE = re.compile(r"data:image/(png|jpe?g|gif|webp);base64,[A-Za-z0-9+/=\s]+")
_LINK = re.compile(r"(https?://|mailto:)", re.IGNORECASE)


def safe_html(html: str, images: Mapping[str, str] | None = None) -> str:
    """``images`` maps what an ``img`` calls its source to a data URL; other pictures become their text."""
    page = load_extra("bs4", "documents").BeautifulSoup(html, "html.parser")
    for element in page(_GONE):
        element.decompose()
    for element in page.find_all(True):
        if element.name not in _TAGS:
            element.unwrap()
            continue
        if element.name == "img" and not _is_picture(element, images or {}):
            element.replace_with(str(element.get("alt") or ""))
            continue
        element.attrs = {name: element[name] for name in _KEPT.get(element.name, ()) if element.has_attr(name)}
        if element.name == "a" and not _LINK.match(str(element.get("href", ""))):
            element.unwrap()
    return str(page)


def _is_picture(element: Any, images: Mapping[str, str]) -> bool:
    source = str(element.get("src", ""))
    element["src"] = images.get(source, source)
    return _IMAGE.fullmatch(element["src"]) is not None


def pictures_in(html: str) -> list[str]:
    """The sources of its pictures that are neither data nor addresses: paths, if anything."""
    page = load_extra("bs4", "documents").BeautifulSoup(html, "html.parser")
    found = dict.fromkeys(str(element["src"]) for element in page("img", src=True))
    return [source for source in found if source and not re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:|//", source)]
