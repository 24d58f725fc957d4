"""The chartGeneration node: a file in the workspace."""

from __future__ import annotations

from flowray.errors import ErrorCode
from tests.fakes.services import fake_services
from tests.fakes.workspace import MemoryWorkspace
from tests.handlers.running import fail, output


async def test_a_chart_is_a_file_of_the_workspace() -> None:
    files = MemoryWorkspace()
    config = {"chartType": "pie", "data": {"a": 1, "b": 2}, "title": "T", "width": 300, "height": 200}
    found = await output("chartGeneration", config, services=fake_services(files=files))
    assert found["path"] == "outputs/n1.png"
    assert (found["mimeType"], found["width"], found["seriesCount"], found["pointCount"]) == ("image/png", 300, 1, 2)
    assert files.files["e1", "outputs/n1.png"].startswith(b"\x89PNG")
    named = await output("chartGeneration", {**config, "filename": "/charts/x: y", "format": "svg"},
                         services=fake_services(files=files))  # fmt: skip
    assert (named["path"], named["fileName"]) == ("charts/x_ y.svg", "x_ y.svg")
    assert (await output("chartGeneration", {"type": "donut", "data": []}))["chartType"] == "doughnut"


async def test_what_cannot_be_drawn() -> None:
    for config in ({"data": None}, {"data": [1], "chartType": "sankey"}, {"data": [1], "width": 10}, {}):
        assert (await fail("chartGeneration", config)).code == ErrorCode.INVALID_NODE_CONFIG, config
    assert (await fail("chartGeneration", {"data": [1], "filename": "../x"})).code == ErrorCode.FORBIDDEN
