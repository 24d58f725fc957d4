"""The pages of node types say what the models and docstrings say."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, NodeType
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig, rename
from tests.rules import node_pages


class _Part(NodeConfig):
    """One part of it."""

    name: str


class _LampConfig(NodeConfig):
    """How bright."""

    brightness: int = Field(5, ge=1, le=10, description="In steps; a|b.")
    colour: Literal["red", "green"] | None = Field(None, description="Of the light.")
    parts: list[_Part]

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        return rename(values, brightness=("level", "light"))


class _Lamp:
    """Output: ``{on}``."""

    node_type = NodeType("lamp", "Lights up.", _LampConfig, effects=Effects.WRITE, streams=True, experimental=True)

    def can_handle(self, type_name: str) -> bool:
        return type_name == "lamp"

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises NODE_FAILED in the dark."""
        return NodeResult(data={"on": True})


def test_a_page_says_what_is_declared(monkeypatch: Any) -> None:
    monkeypatch.setattr(node_pages, "handlers", lambda: {"lamp": _Lamp()})
    lines = node_pages.node_page("lamp", "notice").splitlines()
    assert lines[:5] == ["# lamp", "", "notice", "", "Lights up."]
    assert any(line.startswith("**Experimental**") for line in lines)
    assert "| `brightness` | integer, ≥ 1, ≤ 10 | `5` | In steps; a\\|b. Also `level`, `light`. |" in lines
    assert "| `colour` | `red` \\| `green` |  | Of the light. |" in lines
    assert "| `parts` | list of _Part | required |  |" in lines
    assert "### _Part" in lines
    assert "`{on}`." in lines
    assert "Raises `NODE_FAILED` in the dark." in lines
    assert "## Example" not in lines


def test_the_index_lists_types_by_category(monkeypatch: Any) -> None:
    monkeypatch.setattr(node_pages, "handlers", lambda: {"lamp": _Lamp()})
    assert "| [lamp](lamp.md) (experimental) |  | Lights up. |" in node_pages.index_page("notice").splitlines()
