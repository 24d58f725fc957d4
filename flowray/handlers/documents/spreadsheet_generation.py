"""The ``spreadsheetGeneration`` node: data as an Excel or CSV file of the workspace."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.handlers.documents.formats.sheet_writing import SheetLook, write_csv, write_xlsx
from flowray.handlers.documents.table_data import sheets_of
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.made_files import keep_made
from flowray.handlers.node_config import NodeConfig, config_of, rename, text_of

WRITING_MS = 120_000


class SpreadsheetGenerationConfig(NodeConfig):
    """The data, the format of the file, and how its first row looks."""

    data_source: Any = Field(
        description="A list of records or of rows, an object of such lists by sheet, or JSON text of them."
    )
    format: Literal["xlsx", "csv"] = Field("xlsx", description="Of the file. CSV has the first sheet only.")
    filename: str | None = Field(None, description="Path in the workspace; by the node's id if there is none.")
    sheet_name: str = Field("Sheet1", description="Of a single sheet; cut to 31 characters, as Excel has it.")
    columns: list[str] | None = Field(None, description="Which fields of records, in which order; all if not given.")
    header_bold: bool = Field(True, description="Names of columns in bold.")
    header_background_color: str = Field("", description="Behind the names of columns, as #RRGGBB.")
    header_font_color: str = Field("", description="Of the names of columns, as #RRGGBB.")
    alternate_rows: bool = Field(False, description="Shade every other row.")
    freeze_header: bool = Field(False, description="Keep the names of columns in sight.")
    delimiter: str = Field(",", min_length=1, max_length=1, description="Of a CSV file.")
    escape_formulas: bool = Field(
        True, description="In CSV, put an apostrophe before text that a spreadsheet would run as a formula."
    )

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(values, dataSource=("data", "rows"), filename=("fileName", "path"), format=("outputFormat",))
        if isinstance(given, dict) and "sheetName" in given:
            given["sheetName"] = text_of(given["sheetName"]) or "Sheet1"
        return given

    @field_validator("header_background_color", "header_font_color")
    @classmethod
    def _is_color(cls, value: str) -> str:
        if value and not re.fullmatch(r"#?[0-9A-Fa-f]{6}", value):
            raise ValueError("a colour is written as #RRGGBB")
        return value.lstrip("#").upper()


class SpreadsheetGenerationHandler:
    """Output: ``{path, fileName, size, mimeType, format, rowCount, columnCount, sheets}``; rows without the names."""

    node_type = NodeType(
        name="spreadsheetGeneration",
        summary="Writes data into an Excel or CSV file of the workspace.",
        config_model=SpreadsheetGenerationConfig,
        category="outputs",
        effects=Effects.WRITE,
        fields=dict.fromkeys(
            ("format", "headerBold", "alternateRows", "freezeHeader", "delimiter", "escapeFormulas"), FieldKind.LITERAL
        ),
    )

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises INVALID_NODE_CONFIG for data that is no table, FILE_LIMIT_EXCEEDED, MISSING_EXTRA, NODE_TIMEOUT."""
        config = config_of(node, SpreadsheetGenerationConfig)
        sheets = sheets_of(config.data_source, config.sheet_name, config.columns)
        call = node.services.killable.call
        if config.format == "csv":
            sheets = sheets[:1]
            made = await call(write_csv, sheets[0], config.delimiter, config.escape_formulas, timeout_ms=WRITING_MS)
        else:
            look = SheetLook(
                config.header_bold, config.header_background_color, config.header_font_color, config.alternate_rows,
                config.freeze_header,
            )  # fmt: skip
            made = await call(write_xlsx, sheets, look, timeout_ms=WRITING_MS)
        first = sheets[0]
        return NodeResult(
            data=await keep_made(
                node,
                config.filename,
                config.format,
                made,
                format=config.format,
                rowCount=len(first.rows),
                columnCount=max([len(first.columns), *map(len, first.rows)]),
                sheets=[sheet.name for sheet in sheets],
            )
        )
