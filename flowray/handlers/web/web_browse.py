"""The ``webBrowse`` node: one web page as readable text and Markdown, with its links. Runs no scripts of the page."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.masking import mask_text
from flowray.handlers.node_config import NodeConfig, config_of, rename
from flowray.handlers.web.http import RETRYABLE_STATUS
from flowray.handlers.web.pages import fetch_page


class WebBrowseConfig(NodeConfig):
    """Which page, and how much of it."""

    url: str = Field(pattern=r"^\s*https?://", description="An http or https address.")
    extract_type: Literal["text", "markdown", "links", "metadata"] = Field(
        "text",
        description="What ``content`` is: the main part as text or Markdown, the links, or the page's metadata.",
    )
    whole_page: bool = Field(False, description="Navigation and the like too.")
    max_length: int = Field(10_000, ge=1, le=500_000, description="Longest content, in characters.")
    timeout: int = Field(30_000, ge=1_000, le=120_000, description="In ms.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        return rename(values, url=("address", "link"), maxLength=("maxChars",), timeout=("timeoutMs",))


class WebBrowseHandler:
    """Output: ``{url, title, description, content, text, markdown, links: [{text, url}], status, truncated, length}``;
    ``length`` in characters, before anything was cut.
    """

    node_type = NodeType(
        name="webBrowse",
        summary="Reads a web page: text, Markdown, links.",
        config_model=WebBrowseConfig,
        category="web",
        effects=Effects.READ,
        fields={"extractType": FieldKind.LITERAL, "extractText": FieldKind.LITERAL, "wholePage": FieldKind.LITERAL},
    )

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises HTTP_STATUS for a status of 400 or above, UNSUPPORTED_FORMAT for what holds no text,
        FILE_LIMIT_EXCEEDED, and as the transport does: PROVIDER_UNREACHABLE, PROVIDER_TIMEOUT, HTTP_ERROR, FORBIDDEN.
        """
        config = config_of(node, WebBrowseConfig)
        page = await fetch_page(node, config.url.strip(), timeout_ms=config.timeout, whole_page=config.whole_page)
        if page["status"] >= 400:
            raise FlowrayError(
                ErrorCode.HTTP_STATUS, f"{mask_text(page['url'])} answered {page['status']}",
                details={"status": page["status"]}, retryable=page["status"] in RETRYABLE_STATUS,
            )  # fmt: skip
        text, markdown, limit = page["text"], page["markdown"], config.max_length
        content = {"links": page["links"], "metadata": page["metadata"]}.get(
            config.extract_type, (markdown if config.extract_type == "markdown" else text)[:limit]
        )
        return NodeResult(
            data={
                "url": page["url"],
                "title": page["title"],
                "description": page["description"],
                "content": content,
                "text": text[:limit],
                "markdown": markdown[:limit],
                "links": page["links"],
                "status": page["status"],
                "truncated": max(len(text), len(markdown)) > limit,
                "length": len(text),
            }
        )
