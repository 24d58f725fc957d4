"""The config of a ``code`` node, in all spellings real files use. Does nothing with it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from flowray.definition.node_type import FieldKind
from flowray.handlers.node_config import NodeConfig, rename

OUTPUT_KEY = "output"
"""Where the value lies in the output, unless the config names another key."""

_LANGUAGES = {
    "js": "javascript", "node": "javascript", "nodejs": "javascript", "ecmascript": "javascript",
    "py": "python", "python3": "python", "bash": "shell", "sh": "shell",
}  # fmt: skip

FIELDS = {
    "code": FieldKind.SCRIPT, "script": FieldKind.SCRIPT, "language": FieldKind.LITERAL, "engine": FieldKind.LITERAL,
}  # fmt: skip
"""How each config field is read (R7). Unlisted ones are templates."""


class CodeConfig(NodeConfig):
    """A program. It reads ``inputs.x`` and returns its value, or leaves it in a variable ``result``."""

    language: Literal["javascript", "python", "shell"] = "javascript"
    code: str = Field(
        min_length=1,
        max_length=100_000,
        description="Names of inputs, variables and outputs are globals, and members of inputs. {{x}} is a value.",
    )
    engine: Literal["quickjs", "monty", "cpython"] | None = Field(
        None,
        description="Of Python: monty, a sandboxed part of the language (default), or cpython, the whole of it, "
        "in a process of its own under bubblewrap.",
    )
    input_variables: list[str] | dict[str, Any] | None = Field(
        None, description="Names to hand in, or an object of values by name; empty: all that the code mentions."
    )
    timeout_ms: int = Field(30_000, gt=0, le=300_000, description="ms until the code is stopped.")
    memory_mb: int = Field(128, ge=8, le=512, description="MiB the code may use.")
    max_output_bytes: int = Field(
        64 * 1024 * 1024,
        gt=0,
        le=64 * 1024 * 1024,
        description="Bytes of the value as JSON. What is printed is cut after 100,000 characters.",
    )
    output_key: str = Field(
        OUTPUT_KEY, description="Key of the node's output that holds the value; empty: the output is the value itself."
    )
    allow_network_access: bool = Field(False, description="Code reaches no network; true is noted in the log.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(
            values, code=("script", "source"), timeoutMs=("timeout",), memoryMb=("memory", "memoryLimit"),
            engine=("runtime",), inputVariables=("inputs", "variables"),
        )  # fmt: skip
        if not isinstance(given, dict):
            return given
        given = {key: value for key, value in given.items() if value is not None}
        language = given.get("language")
        if isinstance(language, str):
            lowered = language.strip().lower()
            given["language"] = _LANGUAGES.get(lowered, lowered)
        code = given.get("code")
        if isinstance(code, list) and all(isinstance(part, dict) for part in code):
            # SIM keeps a program in pieces.
            given["code"] = "\n".join(str(part.get("content", "")) for part in code)
        return given

    @model_validator(mode="after")
    def _engine_fits(self) -> CodeConfig:
        fits = {"javascript": ("quickjs",), "python": ("monty", "cpython"), "shell": ()}[self.language]
        if self.engine is not None and self.engine not in fits:
            raise ValueError(f"engine {self.engine!r} does not run {self.language}")
        return self
