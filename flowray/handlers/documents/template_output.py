"""The ``templateOutput`` node: a template, filled, as a named output of the execution: Markdown, or HTML made of it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType, Role
from flowray.errors import ErrorCode, FlowrayError
from flowray.expressions.names import Names
from flowray.expressions.template import TemplateWarning, fill_text
from flowray.handlers.documents.formats.markup import markdown_to_html
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig, config_of, rename, text_of

MAX_CHARS = 1_000_000
"""Of a template that is to become HTML."""


class TemplateOutputConfig(NodeConfig):
    """The template is filled as every config is; ``variables`` fill what is left, as in a template from elsewhere."""

    output_name: str = Field(min_length=1, description="Key of the text in the execution's outputs.")
    template: Any = Field(description="Markdown with {{references}}, or an object of such texts.")
    output_format: Literal["markdown", "html"] = Field(
        "markdown", description="html: the Markdown is turned into HTML."
    )
    template_type: Literal["markdown", "html", "handlebars", "text"] = Field(
        "markdown", description="What the template is: html is put out as it is."
    )
    variables: dict[str, Any] | None = Field(None, description="Values of names that the filled template still has.")
    allow_html: bool = Field(False, description="HTML within the Markdown stays HTML instead of being shown as text.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        return rename(values, outputName=("outputVariable", "name"), outputFormat=("format",), template=("content",))


class TemplateOutputHandler:
    """Output: ``{outputName: text}``; an object where the template is one."""

    node_type = NodeType(
        name="templateOutput",
        summary="Puts out a filled template as Markdown or HTML.",
        config_model=TemplateOutputConfig,
        category="outputs",
        role=Role.OUTPUT,
        computes=True,
        effects=Effects.NONE,
        fields=dict.fromkeys(
            ("outputName", "outputVariable", "outputFormat", "templateType", "allowHtml"), FieldKind.LITERAL
        ),
    )

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises FILE_LIMIT_EXCEEDED for a template that is too long to become HTML."""
        config = config_of(node, TemplateOutputConfig)
        if isinstance(config.template, dict | list):
            return NodeResult(data={config.output_name: config.template})
        text = text_of(config.template)
        if config.variables:
            text = _filled_again(node, text, config.variables)
        if config.output_format == "html" and config.template_type != "html":
            if len(text) > MAX_CHARS:
                raise FlowrayError(
                    ErrorCode.FILE_LIMIT_EXCEEDED, f"the template has {len(text)} characters; {MAX_CHARS} become HTML",
                    details={"chars": len(text), "limit": MAX_CHARS},
                )  # fmt: skip
            text = await node.services.killable.call(markdown_to_html, text, config.allow_html)
        return NodeResult(data={config.output_name: text})


def _filled_again(node: NodeInput, text: str, variables: dict[str, Any]) -> str:
    warnings: list[TemplateWarning] = []
    filled = fill_text(text, Names(inputs=variables), options=node.fill_options, warnings=warnings)
    for warning in warnings:
        node.log(warning.message, "warning", pointer="/variables", placeholder=warning.placeholder)
    return filled
