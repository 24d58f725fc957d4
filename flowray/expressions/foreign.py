"""Which root names a JSONata, JavaScript or Python text may read: a guess that errs towards too many. Evaluates none.

Pruning and the edges between nodes rest on it, so where a text could read anything the answer is just that. Linear in
the length of the text: every pattern runs on text whose blanks are single.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# An open string runs to the end: such a text is not valid JSONata, so nothing in it will be read.
_STRINGS = re.compile(r"\"[^\"\\]*(?:\\.[^\"\\]*)*(?:\"|\\?\Z)|'[^'\\]*(?:\\.[^'\\]*)*(?:'|\\?\Z)", re.DOTALL)
# Only where ``//`` cannot be Python's division; elsewhere a comment is read as code.
_LINE_COMMENTS = re.compile(r"(?:^|(?<=[;{},]))[ \t]*//[^\n]*", re.MULTILINE)
_BLANKS = re.compile(r"\s+")
_NAME = re.compile(r"(?P<before>\?\.|(?<!\.)\.(?!\.)|) ?(?P<name>[^\W\d][\w$]*|\$[\w$]*)")

_JSONATA_WORDS = frozenset({"and", "or", "in", "true", "false", "null", "function"})
_JSONATA_QUOTED = re.compile(r"`([^`]*)`")
_JSONATA_PATTERN = re.compile(r"[(,] ?/")
_JSONATA_CONTEXT = re.compile(r"(?<![\w$])\$\$? ?\.(?= ?[^\W\d]| ?`)")
_JSONATA_EVERYTHING = re.compile(r"\$\$|\$(?![\w$])|\$eval\b|\*\*|(?:^|[(\[{,:;=?&|+\-/<>]) ?[*%]")

_SCRIPT_WORDS = frozenset(
    {"break", "case", "catch", "class", "const", "continue", "default", "delete", "do", "else", "export", "extends",
     "false", "finally", "for", "function", "if", "import", "in", "instanceof", "let", "new", "null", "of", "return",
     "super", "switch", "this", "throw", "true", "try", "typeof", "undefined", "var", "void", "while", "with", "yield",
     "async", "await", "static", "get", "set"}
)  # fmt: skip
_SCRIPT_ROOTS = frozenset({"inputs", "variables", "context", "outputs", "$data", "shared"})
_CALLED = re.compile(r" ?\(")
_SCRIPT_EVERYTHING = re.compile(r"\b(?:eval|Function|globalThis|window|global|self)\b")
_SCRIPT_KEY = re.compile(r"""\[ ?(?:"([^"']*)"|'([^"']*)') ?\]""")
_DESTRUCTURED = re.compile(r"\} ?= ?$")
_KEY_MARK = "__key__"


def jsonata_roots(text: str) -> tuple[frozenset[str], bool]:
    """Names that a JSONata text may read from its root, and True if it may read everything."""
    code = _single_blanks(_without_comments(text))
    if not _JSONATA_PATTERN.search(code):
        # With a regular expression in the text a quote may be part of it, and what follows is no string.
        code = _STRINGS.sub('""', code)
    code = _JSONATA_CONTEXT.sub(" ", code)  # $.name and $$.name read a name; a bare $ could be anything
    quoted = _JSONATA_QUOTED.findall(code)
    code = _single_blanks(_JSONATA_QUOTED.sub(" ", code))
    found = {name for before, name, _ in _names(code) if not before and not name.startswith("$")}
    return frozenset((found - _JSONATA_WORDS).union(quoted)), bool(_JSONATA_EVERYTHING.search(code))


def script_roots(text: str) -> tuple[frozenset[str], bool]:
    """Names that a JavaScript or Python text may read, and True if it may read everything.

    Members of ``inputs``, ``variables`` and the like count as names too. Strings are read as code, because within a
    template literal a quote opens none; comments are not read where it is certain that they are some.
    """
    code = _single_blanks(_LINE_COMMENTS.sub(" ", _without_comments(text)))
    found = {match[1] or match[2] or "" for match in _SCRIPT_KEY.finditer(code)}
    # A key in quotes reads one name; a member in its place keeps it from looking like a read of the whole.
    code = _single_blanks(_SCRIPT_KEY.sub(f".{_KEY_MARK} ", code))
    everything = bool(_SCRIPT_EVERYTHING.search(code))
    for before, name, end in _names(code):
        if before:
            continue
        found.add(name)
        if name in _SCRIPT_ROOTS:
            member = _NAME.match(code, end)
            if member is not None and member["before"]:
                found.add(member["name"])
                # No value can be called: a method of the whole is, which may read any of it.
                everything |= _CALLED.match(code, member.end()) is not None
            elif not _DESTRUCTURED.search(code[max(0, end - len(name) - 4) : end - len(name)]):
                everything = True
    return frozenset(found - _SCRIPT_WORDS - {_KEY_MARK}), everything


def _single_blanks(text: str) -> str:
    return _BLANKS.sub(" ", text)


def _without_comments(text: str) -> str:
    """``text`` with each ``/* … */`` as a blank; an open one stays."""
    kept = []
    position = 0
    while (start := text.find("/*", position)) >= 0 and (end := text.find("*/", start + 2)) >= 0:
        kept.append(text[position:start])
        position = end + 2
    kept.append(text[position:])
    return " ".join(kept)


def _names(code: str) -> Iterator[tuple[str, str, int]]:
    for match in _NAME.finditer(code):
        yield match["before"], match["name"], match.end()
