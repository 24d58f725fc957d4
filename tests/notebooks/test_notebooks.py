"""Every notebook runs from top to bottom in a kernel of its own, without network, and shows what it promises."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

from tests.rules.source import ROOT

nbclient = pytest.importorskip("nbclient", reason="needs nbclient")
nbformat = pytest.importorskip("nbformat", reason="needs nbformat")

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CELL_TIMEOUT_S = 180


def execute(path: Path) -> list[Any]:
    """The cells with their outputs. Raises what a cell raised."""
    notebook = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=CELL_TIMEOUT_S, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    )
    with warnings.catch_warnings():
        # The Jupyter client's own, about sockets that its garbage collector closes.
        warnings.simplefilter("ignore")
        client.execute()
    return list(notebook.cells)


def shown(cells: list[Any], source: str, kind: str) -> str:
    """What the only cell that contains ``source`` shows as ``kind``."""
    (cell,) = [cell for cell in cells if cell.cell_type == "code" and source in cell.source]
    return "".join(output.data[kind] for output in cell.outputs if kind in output.get("data", {}))


@pytest.fixture(scope="module")
def first_steps() -> list[Any]:
    return execute(ROOT / "notebooks" / "01_first_steps.ipynb")


def test_notebooks_are_kept_without_outputs() -> None:
    assert NOTEBOOKS
    for path in NOTEBOOKS:
        cells = nbformat.read(path, as_version=4).cells
        assert [cell.outputs for cell in cells if cell.cell_type == "code" and cell.outputs] == []


def test_the_workflow_draws_itself_without_network(first_steps: list[Any]) -> None:
    svg = shown(first_steps, 'Workflow("Order triage"', "image/svg+xml")
    assert svg.startswith("<svg")
    assert "Each order" in svg
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")


def test_the_run_ends_with_the_states_of_its_nodes(first_steps: list[Any]) -> None:
    picture = shown(first_steps, "execution = workflow.run(inputs)", "text/html")
    for state in ('completed" data-node="ship"', 'skipped" data-node="check"', 'fr-group completed" data-node="each"'):
        assert state in picture
    assert ">2/2</text>" in picture
    assert "ship today: 32" in picture
    assert shown(first_steps, "execution.outputs", "text/plain") == "{'handling': 'ship today: 32'}"


def test_the_logs_are_a_table(first_steps: list[Any]) -> None:
    table = shown(first_steps, "execution.logs()", "text/html")
    assert table.startswith("<table>")
    assert table.count("each[0]/total") == 1


def test_a_changed_input_takes_the_other_way(first_steps: list[Any]) -> None:
    assert shown(first_steps, "again.outputs", "text/plain").endswith("{'handling': 'check by hand: 122'}")


def test_an_error_takes_its_edge(first_steps: list[Any]) -> None:
    outputs = shown(first_steps, "failed.outputs", "text/plain")
    assert "no weather today (" in outputs
    assert 'failed" data-node="fetch"' in shown(first_steps, "failed.outputs", "text/html")
    assert "127.0.0.1:9" in shown(first_steps, 'failed.logs()[0]["error"]', "text/plain")
