"""What a person reads of an HTML page: title, text, Markdown, links. Runs no scripts and fetches nothing."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urljoin, urlsplit

from flowray.handlers.documents.formats.limits import ReadLimits, passed
from flowray.handlers.documents.formats.plain import decode
from flowray.handlers.extras import load_extra

MAX_LINKS = 500

_UNREAD = (
    "head", "title", "script", "style", "noscript", "template", "svg", "iframe", "object", "canvas", "form", "button",
    "dialog",
)  # fmt: skip
_AROUND = ("nav", "header", "footer", "aside")
_BLOCKS = (
    "p", "div", "br", "li", "ul", "ol", "dl", "dt", "dd", "tr", "table", "section", "article", "main", "blockquote",
    "pre", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "figure", "figcaption", *_AROUND,
)  # fmt: skip
_WORTH_CHARS = 200
"""A part that calls itself the main one counts if it has so much text, or half of all."""


def read_html(data: bytes, charset: str, base_url: str, whole_page: bool, limits: ReadLimits) -> dict[str, Any]:
    """``{title, description, text, markdown, links: [{text, url}], metadata}``.

    ``whole_page``: navigation and the like too. ``base_url`` makes links absolute. Raises FILE_LIMIT_EXCEEDED.
    """
    bs4 = load_extra("bs4", "documents")
    markdownify = load_extra("markdownify", "documents")
    page = bs4.BeautifulSoup(decode(data, charset), "html.parser")
    title = " ".join(page.title.get_text(" ").split()) if page.title else ""
    metadata = _metadata(page)
    links = _links(page, base_url)
    for element in page(_UNREAD):
        element.decompose()
    main = (page.body or page) if whole_page else _main_part(page)
    markdown = markdownify.MarkdownConverter(heading_style="ATX", strip=["img"]).convert_soup(main)
    text = _lines(main)
    if len(text) > limits.chars:
        raise passed("the text of the page", limits.chars, "characters")
    return {
        "title": title or metadata.get("og:title", ""), "description": metadata.get("description", ""), "text": text,
        "markdown": re.sub(r"\n{3,}", "\n\n", markdown).strip(), "links": links, "metadata": metadata,
    }  # fmt: skip


def _lines(part: Any) -> str:
    """Its text, blocks on lines of their own. Changes the part."""
    for element in part(_BLOCKS):
        element.insert_before("\n")
        element.append("\n")
    lines = (re.sub(r"[ \t\r\f\xa0]+", " ", line).strip() for line in part.get_text().split("\n"))
    return "\n".join(line for line in lines if line)


def _main_part(page: Any) -> Any:
    """What the page says is its main part, or all of it but what stands around."""
    body = page.body or page
    for element in body(_AROUND):
        if not element.find_parent(["main", "article"]):
            element.decompose()
    size = len(body.get_text(strip=True))
    parts = page.find_all(["main", "article"]) + page.find_all(attrs={"role": "main"})
    sizes = [(len(part.get_text(strip=True)), -at) for at, part in enumerate(parts)]
    if not sizes:
        return body
    largest, at = max(sizes)
    return parts[-at] if largest >= min(_WORTH_CHARS, size / 2) else body


def _links(page: Any, base_url: str) -> list[dict[str, str]]:
    found: dict[str, str] = {}
    for anchor in page.find_all("a", href=True):
        try:
            url = urljoin(base_url, str(anchor["href"]).strip())
            known = urlsplit(url).scheme in ("http", "https")
        except ValueError:
            continue  # no address, whatever it is
        if known and len(found) < MAX_LINKS:
            found.setdefault(url.partition("#")[0] or url, anchor.get_text(" ", strip=True)[:200])
    return [{"text": text, "url": url} for url, text in found.items()]


def _metadata(page: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for element in page.find_all("meta", content=True)[:100]:
        name = element.get("name") or element.get("property")
        if name:
            found.setdefault(str(name)[:100], str(element["content"])[:1_000])
    if page.html is not None and page.html.get("lang"):
        found.setdefault("language", str(page.html["lang"])[:50])
    return found
