"""The example of a node type: ``docs/nodes/examples/<type>.yaml``, shown on the type's page and run by the tests."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from tests.rules.source import DOCS

FOLDER = DOCS / "nodes" / "examples"

Need = Literal["llm", "http", "smtp", "mcp", "postgres", "files"]


class Example(BaseModel):
    """One workflow with what goes in and what comes out.

    ``outputs`` are the execution's outputs to the last value, ``contains`` a JSON subset of them, for what varies.
    ``needs``: servers whose addresses the harness adds to the inputs. ``unless`` names a program or Python module (as
    ``program:tesseract``, ``module:pypdf``) without which the example cannot run on a machine.
    """

    model_config = ConfigDict(extra="forbid")

    about: str = Field(min_length=1)
    definition: dict[str, Any]
    inputs: dict[str, Any] = Field(default_factory=dict)
    outputs: dict[str, Any] | None = None
    contains: dict[str, Any] | None = None
    needs: list[Need] = Field(default_factory=list)
    unless: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _expects_something(self) -> Example:
        if self.outputs is None and self.contains is None:
            raise ValueError("outputs or contains: Required")
        return self

    def uses(self, names: set[str]) -> bool:
        """True if a node of the definition is of a type with one of these names, also in a workflow within it."""
        return _uses(self.definition, names)


def _uses(value: Any, names: set[str]) -> bool:
    if isinstance(value, dict):
        return value.get("type") in names or any(_uses(part, names) for part in value.values())
    return isinstance(value, list) and any(_uses(part, names) for part in value)


def example_path(node_type: str) -> Path:
    """Where the example of a type lies."""
    return FOLDER / f"{node_type}.yaml"


def load_example(node_type: str) -> Example | None:
    """The example of a type; None where there is none. Raises ValidationError for a file that is no example."""
    path = example_path(node_type)
    return Example.model_validate(yaml.safe_load(path.read_text(encoding="utf-8"))) if path.exists() else None


def section(node_type: str, key: str) -> str:
    """A part of the file as its author wrote it, without its indentation; empty if there is none."""
    found: list[str] = []
    within = False
    for line in example_path(node_type).read_text(encoding="utf-8").splitlines():
        if line and not line[0].isspace() and not line.startswith("#"):
            name, _, rest = line.partition(":")
            within = name == key
            if within and rest.strip():
                found.append(rest.strip())
        elif within:
            found.append(line)
    return textwrap.dedent("\n".join(found)).strip()


def misfit(expected: Any, actual: Any, where: str = "outputs") -> str | None:
    """Where ``actual`` does not contain ``expected``, or None. Objects may have more keys, lists no more items."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        absent = next((key for key in expected if key not in actual), None)
        if absent is not None:
            return f"{where}.{absent} is missing among {sorted(actual)}"
        parts = ((expected[key], actual[key], f"{where}.{key}") for key in expected)
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        parts = ((one, other, f"{where}[{at}]") for at, (one, other) in enumerate(zip(expected, actual, strict=True)))
    else:
        same = expected == actual and isinstance(expected, bool) == isinstance(actual, bool)
        return None if same else f"{where} is {actual!r}, not {expected!r}"
    return next((found for found in (misfit(*part) for part in parts) if found), None)
