"""Markdown as HTML, by markdown-it: CommonMark with tables and strikethrough."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from flowray.handlers.extras import load_extra


def markdown_to_html(text: str, allow_html: bool) -> str:
    """``allow_html``: HTML within the text stays HTML; else it is shown as text, so that nothing filled in can act."""
    html: str = _parser(allow_html).render(text)
    return html


@lru_cache(maxsize=2)
def _parser(allow_html: bool) -> Any:
    markdown_it = load_extra("markdown_it", "documents")
    parser = markdown_it.MarkdownIt("commonmark", {"html": allow_html})
    return parser.enable(["table", "strikethrough"])
