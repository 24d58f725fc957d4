"""The ``url`` node: several addresses fetched side by side, as readable text. One that fails does not fail the node."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.documents.json_text import from_text
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.masking import mask_text
from flowray.handlers.node_config import NodeConfig, config_of, number_of, rename
from flowray.handlers.web.pages import fetch_page
from flowray.values import Json

MAX_URLS = 50
AT_ONCE = 5
SEPARATOR = "\n\n---\n\n"


class UrlConfig(NodeConfig):
    """Which addresses, and how they are read."""

    urls: Any = Field(None, description="An address or a list of them.")
    url_variable: Any = Field(None, description="Name of the value that has the address or addresses.")
    input_name: str = Field("urls", description="Input of the execution that has them, where nothing else says so.")
    scraping_mode: Literal["raw", "text", "article", "html", "markdown", "full"] = Field(
        "article", description="article: the main part as text; markdown: as Markdown; text and full: the whole page."
    )
    timeout: float = Field(30, ge=1, le=60, description="For each address, in seconds.")
    follow_redirects: bool = Field(True, description="Whether a server may send elsewhere.")
    include_metadata: bool = Field(True, description="Put out title and description.")
    required: bool = Field(True, description="Whether it is an error if there are no addresses.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(values, urls=("url", "addresses"))
        if isinstance(given, dict):
            timeout = number_of(given.get("timeout"))
            if timeout is not None:
                given["timeout"] = timeout / 1000 if timeout > 60 else timeout  # Real files write both.
            if isinstance(given.get("scrapingMode"), str):
                given["scrapingMode"] = given["scrapingMode"].lower()
        return given


class UrlHandler:
    """Output: ``{urls: [{url, content, title, description, statusCode, fetchedAt, error?}], text, title,
    combinedContent, urlCount, successCount, errorCount}``; ``text`` is the combined content too.
    """

    node_type = NodeType(
        name="url",
        summary="Fetches web pages as readable text.",
        config_model=UrlConfig,
        category="web",
        effects=Effects.READ,
        fields={
            "urlVariable": FieldKind.PATH, "scrapingMode": FieldKind.LITERAL, "inputName": FieldKind.LITERAL,
            "followRedirects": FieldKind.LITERAL, "includeMetadata": FieldKind.LITERAL, "required": FieldKind.LITERAL,
        },
    )  # fmt: skip

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises INVALID_NODE_CONFIG for no address at all; what goes wrong with one stands in its ``error``."""
        config = config_of(node, UrlConfig)
        addresses = _addresses(node, config)
        turns = asyncio.Semaphore(AT_ONCE)

        async def fetched(address: Json) -> dict[str, Any]:
            async with turns:
                return await _fetched(node, address, config)

        pages = await asyncio.gather(*(fetched(address) for address in addresses))
        good = [page for page in pages if "error" not in page]
        combined = SEPARATOR.join(page["content"] for page in good)
        return NodeResult(
            data={
                "urls": pages,
                "text": combined,
                "title": good[0]["title"] if good else "",
                "combinedContent": combined,
                "urlCount": len(pages),
                "successCount": len(good),
                "errorCount": len(pages) - len(good),
            }
        )


def _addresses(node: NodeInput, config: UrlConfig) -> list[Json]:
    given = next(
        (
            one
            for one in (config.urls, config.url_variable, node.inputs.get(config.input_name))
            if one not in (None, "", [])
        ),
        None,
    )
    given = from_text(given)
    found = given if isinstance(given, list) else [] if given is None else [given]
    found = [one.get("url") or one.get("link") if isinstance(one, dict) else one for one in found]
    if not found and config.required:
        raise FlowrayError(
            ErrorCode.INVALID_NODE_CONFIG, "there is no address to fetch", hint="set urls or urlVariable"
        )
    if len(found) > MAX_URLS:
        raise FlowrayError(
            ErrorCode.INVALID_NODE_CONFIG, f"{len(found)} addresses are given; the limit is {MAX_URLS}",
            hint="loop over them",
        )  # fmt: skip
    return found


async def _fetched(node: NodeInput, address: Json, config: UrlConfig) -> dict[str, Any]:
    """One page, or what went wrong with it."""
    url = address.strip() if isinstance(address, str) else ""
    at = datetime.fromtimestamp(node.now_ms() / 1000, UTC).isoformat().replace("+00:00", "Z")
    found: dict[str, Any] = {
        "url": url,
        "content": "",
        "title": "",
        "description": "",
        "statusCode": 0,
        "fetchedAt": at,
    }
    try:
        if not url.lower().startswith(("http://", "https://")):
            raise FlowrayError(ErrorCode.INVALID_NODE_CONFIG, f"{url[:100]!r} is no http or https address")
        page = await fetch_page(
            node, url, timeout_ms=round(config.timeout * 1000), follow_redirects=config.follow_redirects,
            whole_page=config.scraping_mode in ("text", "full", "raw", "html"),
        )  # fmt: skip
    except FlowrayError as error:
        node.log(f"{mask_text(url)}: {error.message}", "warning", code=str(error.code))
        return {**found, "error": error.message, "code": str(error.code)}
    found |= {
        "content": page["markdown" if config.scraping_mode == "markdown" else "text"],
        "statusCode": page["status"],
    }
    if config.include_metadata:
        found |= {"title": page["title"], "description": page["description"]}
    if page["status"] >= 400:
        return {**found, "error": f"the server answered {page['status']}", "code": str(ErrorCode.HTTP_STATUS)}
    return found
