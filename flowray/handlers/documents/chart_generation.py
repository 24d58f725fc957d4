"""The ``chartGeneration`` node: a chart as a file of the workspace. What it shows is found out in ``chart_data``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.handlers.documents.chart_data import chart_data
from flowray.handlers.documents.formats.chart import ChartLook, draw_chart
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.made_files import keep_made
from flowray.handlers.node_config import NodeConfig, config_of, rename, text_of

DRAWING_MS = 60_000

Kind = Literal[
    "line", "bar", "horizontalBar", "stackedBar", "area", "scatter", "histogram", "pie", "doughnut"
]  # fmt: skip
_KINDS = {"donut": "doughnut", "column": "bar", "hbar": "horizontalBar", "horizontal-bar": "horizontalBar",
          "stacked": "stackedBar", "stacked-bar": "stackedBar"}  # fmt: skip


class ChartGenerationConfig(NodeConfig):
    """What to draw, and how it looks."""

    chart_type: Kind = Field("bar", description="The kind of chart.")
    data_source: Any = Field(
        description="Numbers, records, {label, data} of several series, an object of numbers, or JSON text of them."
    )
    data_labels: Any = Field(None, description="Names of the places along the axis, or of the slices.")
    title: str = Field("", max_length=500, description="Above the chart.")
    x_axis_label: str = Field("", max_length=200, description="Below the axis.")
    y_axis_label: str = Field("", max_length=200, description="Beside the axis.")
    width: int = Field(800, ge=200, le=4_000, description="In pixels.")
    height: int = Field(600, ge=200, le=4_000, description="In pixels.")
    theme: Literal["default", "light", "dark", "minimal", "colorful"] = Field("default", description="Colours.")
    legend: bool = Field(True, description="Name the series, or the slices, beside the chart.")
    show_grid: bool = Field(True, description="Draw lines behind the values.")
    show_values: bool = Field(False, description="Write values at bars and points.")
    format: Literal["png", "svg", "pdf"] = Field("png", description="Of the file.")
    filename: str | None = Field(None, description="Path in the workspace; by the node's id if there is none.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(
            values, dataSource=("data",), dataLabels=("labels",), chartType=("type", "kind"),
            filename=("fileName", "path"), showGrid=("grid",), legend=("showLegend",), xAxisLabel=("xLabel",),
            yAxisLabel=("yLabel",), format=("outputFormat",),
        )  # fmt: skip
        if isinstance(given, dict):
            given["chartType"] = _KINDS.get(str(given.get("chartType", "bar")), given.get("chartType", "bar"))
            given["title"] = text_of(given.get("title"))
        return given


class ChartGenerationHandler:
    """Output: ``{path, fileName, size, mimeType, chartType, width, height, format, seriesCount, pointCount}``."""

    node_type = NodeType(
        name="chartGeneration",
        summary="Draws a chart into a file of the workspace.",
        config_model=ChartGenerationConfig,
        category="outputs",
        effects=Effects.WRITE,
        fields=dict.fromkeys(("chartType", "theme", "legend", "showGrid", "showValues", "format"), FieldKind.LITERAL),
    )

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises INVALID_NODE_CONFIG for data that cannot be drawn, FILE_LIMIT_EXCEEDED, MISSING_EXTRA."""
        config = config_of(node, ChartGenerationConfig)
        data = chart_data(config.data_source, config.data_labels)
        if not data.series:
            node.log("the chart has no data", "warning")
        look = ChartLook(
            config.chart_type, config.title, config.x_axis_label, config.y_axis_label, config.width, config.height,
            config.theme, config.legend, config.show_grid, config.show_values, config.format,
        )  # fmt: skip
        drawn = await node.services.killable.call(draw_chart, data, look, timeout_ms=DRAWING_MS)
        return NodeResult(
            data=await keep_made(
                node,
                config.filename,
                config.format,
                drawn,
                chartType=config.chart_type,
                width=config.width,
                height=config.height,
                format=config.format,
                seriesCount=len(data.series),
                pointCount=sum(len(series.values) for series in data.series),
            )
        )
