"""``{{x}}`` in a program: a value under a name of its own, never text put into the code. Runs nothing.

Outside of strings the braces are an operand. Inside a string they are filled in SIM's dialect only, by leaving the
string and coming back to it; elsewhere they are text there, as f-strings and other template languages need them.
"""

from __future__ import annotations

import re

from flowray.expressions.evaluator import evaluate
from flowray.expressions.names import MISSING
from flowray.expressions.parser import parse_expression
from flowray.expressions.placeholders import split
from flowray.expressions.stored_lists import whole
from flowray.handlers.handler import NodeInput
from flowray.handlers.node_config import text_of
from flowray.handlers.programs import Language
from flowray.values import Json

_JAVASCRIPT = re.compile(
    r"""\\.|//[^\n]*|/\*.*?(?:\*/|\Z)|(?<=[(,=:\[!&|?{};])\s*/(?![*/])(?:\\.|\[(?:\\.|[^\]\n])*\]|[^/\\\n])+/|['"`\n]""",
    re.DOTALL,
)
"""What tells where a string is: escapes, comments, regular expressions (after an operator), quotes, ends of lines."""

_PYTHON = re.compile(r"""\\.|\#[^\n]*|\'\'\'|\"\"\"|['"\n]""", re.DOTALL)
_SHELL = re.compile(r"""\\.|['"]""", re.DOTALL)
_TOKENS = {"javascript": _JAVASCRIPT, "python": _PYTHON, "shell": _SHELL}


def bind_references(code: str, language: Language, node: NodeInput) -> tuple[str, dict[str, Json]]:
    """The code with names in place of references, and the value of each. Null for what is missing."""
    if "{{" not in code:
        return code, {}
    values: dict[str, Json] = {}
    written: list[str] = []
    quote = ""
    for part in split(code, parse_expression):
        if isinstance(part, str) or part.node is None or (quote and node.dialect != "sim"):
            text = part if isinstance(part, str) else part.source
            quote = _quote_after(text, quote, language)
            written.append(text)
            continue
        name = f"__ref{len(values)}"
        value = evaluate(part.node, node.names)
        value = None if value is MISSING else whole(value)
        values[name] = text_of(value) if quote or language == "shell" else value
        written.append(_operand(name, quote, language))
    return "".join(written), values


def _operand(name: str, quote: str, language: Language) -> str:
    """How the value is written where it stands; ``quote`` is that of the string around it."""
    if language == "shell":
        return {"": f'"${{{name}}}"', '"': f"${{{name}}}", "'": f"'\"${{{name}}}\"'"}[quote]
    if quote == "`":
        return f"${{{name}}}"
    return f"{quote} + {name} + {quote}" if quote else name


def _quote_after(text: str, quote: str, language: Language) -> str:
    """The quote of the string that is open after ``text``, which begins within one of ``quote``; empty for none."""
    for match in _TOKENS[language].finditer(text):
        token = match[0]
        if quote:
            if token == quote or (token == "\n" and len(quote) == 1 and quote != "`" and language != "shell"):
                quote = ""
        elif token[0] in "'\"`":
            quote = token
    return quote
