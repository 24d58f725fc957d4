"""Text of an expression to its tree: a precedence-climbing parser, linear in the length of the text.

Only what the language has is accepted; a name that is no method, function or filter of the allowlist is an error here,
so evaluation never meets one. Looks at no values.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from flowray.errors import FlowrayError
from flowray.expressions import conditionals
from flowray.expressions.filters import FILTERS
from flowray.expressions.functions import FUNCTIONS, LAMBDA_METHODS, METHODS, Function
from flowray.expressions.lexer import Token, TokenCursor, shown, tokenize
from flowray.expressions.limits import expression_error
from flowray.expressions.names import MISSING
from flowray.expressions.placeholders import split
from flowray.expressions.syntax import (
    Access,
    Call,
    Clock,
    Conditional,
    Either,
    Filtered,
    FilterStep,
    Index,
    Interpolated,
    Key,
    Lambda,
    ListLiteral,
    Literal,
    Member,
    Method,
    Node,
    ObjectLiteral,
    Path,
    Step,
    Unary,
    descendants,
)

PRECEDENCE = {
    "||": 1, "??": 1, "&&": 2,
    "==": 3, "!=": 3, "===": 3, "!==": 3, "<": 4, "<=": 4, ">": 4, ">=": 4,
    "+": 5, "-": 5, "*": 6, "/": 6, "%": 6,
}  # fmt: skip
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "undefined": None}
_CLOCKS = frozenset({"$now", "$elapsed"})
_REFUSED = frozenset({"constructor", "prototype", "__proto__"})
_NUMBER_SPAN = 15  # decimal digits that a double always keeps


@lru_cache(maxsize=4096)
def parse_expression(text: str) -> Node:
    """The tree of ``text``; of an empty one, a missing value. Raises EXPRESSION_ERROR, with the position, for anything
    outside the language. Cached: the same text gives the same tree."""
    tokens = tokenize(text, hyphens=True)
    if any(token.kind == "name" and "-" in token.text for token in tokens):
        return _parse_hyphenated(text, tokens)
    return _Parser(text, tokens).whole()


def _parse_hyphenated(text: str, tokens: list[Token]) -> Node:
    """The tree of a text whose hyphens may be minus signs: one of the two readings, or both."""
    try:
        subtracted = _Parser(text, tokenize(text, hyphens=False)).whole()
    except FlowrayError:
        return _Parser(text, tokens).whole()
    try:
        hyphenated = _Parser(text, tokens).whole()
    except FlowrayError:
        return subtracted
    paths = tuple(node for node in descendants(hyphenated) if isinstance(node, Path) and _is_hyphenated(node))
    parts = list(descendants(subtracted))
    parameters = {name for node in parts if isinstance(node, Lambda) for name in node.parameters}
    roots = {node.root for node in parts if isinstance(node, Path)} - parameters
    return Either(hyphenated, subtracted, paths, tuple(sorted(roots)))


@lru_cache(maxsize=1024)
def parse_condition(text: str) -> Node:
    """Like ``parse_expression`` for a text of which only the truth matters: ``||`` is a plain or."""
    return conditionals.as_condition(parse_expression(text))


@lru_cache(maxsize=1024)
def parse_function(text: str) -> Lambda:
    """The tree of an arrow function with an expression as its body: ``(a, b) => a - b``. Raises EXPRESSION_ERROR."""
    parser = _Parser(text, tokenize(text, hyphens=False))
    try:
        function = parser.function()
    except RecursionError:
        raise expression_error(f"the function is nested too deeply: {shown(text)}") from None
    if function is None:
        raise expression_error(f"{shown(text)} is not an arrow function", "write x => x.value")
    parser.finish()
    return function


def _is_hyphenated(path: Path) -> bool:
    return "-" in path.root or any(isinstance(key, str) and "-" in key for key in path.keys)


class _Parser(TokenCursor):
    """One pass over the tokens of one text. The methods go from the loosest binding to the tightest."""

    def whole(self) -> Node:
        if self.token.kind == "end":
            return Literal(MISSING)
        try:
            node = self.filtered()
        except RecursionError:
            raise expression_error(f"the expression is nested too deeply: {shown(self.text)}") from None
        self.finish()
        return node

    def finish(self) -> None:
        if self.token.kind != "end":
            raise self.unexpected("expected an operator or the end")

    def filtered(self) -> Node:
        value = self.conditional()
        filters: list[FilterStep] = []
        while self.accept("|"):
            filters.append(self.filter_step())
        return Filtered(value, tuple(filters)) if filters else value

    def filter_step(self) -> FilterStep:
        name = self.take().text
        arguments: list[Node] = []
        if self.at("("):
            arguments = self.arguments()
        elif self.accept(":"):
            arguments.append(self.binary(1))
            while self.accept(","):
                arguments.append(self.binary(1))
        self.check_call("filter", name, FILTERS.get(name), len(arguments))
        return FilterStep(name, tuple(arguments))

    def conditional(self) -> Node:
        self.enter()
        cases: list[tuple[Node, Node]] = []
        while True:
            value = self.binary(1)
            if not self.accept("?"):
                break
            then = self.conditional()
            self.expect(":")
            cases.append((conditionals.as_condition(value), then))
        self.depth -= 1
        return Conditional(tuple(cases), value) if cases else value

    def binary(self, lowest: int) -> Node:
        self.enter()
        left = self.unary()
        while self.token.kind == "sign" and PRECEDENCE.get(self.token.text, 0) >= lowest:
            level = PRECEDENCE[self.token.text]
            rest: list[tuple[str, Node]] = []
            while self.token.kind == "sign" and PRECEDENCE.get(self.token.text) == level:
                operator = self.take().text
                rest.append((operator, self.binary(level + 1)))
            left = conditionals.chain(left, rest)
        self.depth -= 1
        return left

    def unary(self) -> Node:
        operators: list[str] = []
        while self.at_prefix():
            operators.append(self.take().text)
        operand = self.access()
        if not operators:
            return operand
        if "!" in operators:
            operand = conditionals.as_condition(operand)
        return Unary(tuple(operators), operand)

    def at_prefix(self) -> bool:
        if self.token.kind == "sign":
            return self.token.text in ("!", "-", "+")
        return self.token[:2] == ("name", "typeof") and (self.at("(", 1) or self.following.kind == "name")

    def access(self) -> Node:
        """A primary and what follows it: members, indices, calls."""
        token = self.token
        base = self.primary()
        steps: list[Step] = []
        if isinstance(base, Path) and token.kind == "name":
            base, steps = self.path(base.root)
        self.more_steps(base, steps, is_number=token.kind == "number")
        return Access(base, tuple(steps)) if steps else base

    def path(self, root: str) -> tuple[Node, list[Step]]:
        """The longest plain path from ``root``; if it is called, the function or the method call that this makes."""
        keys: list[Key] = []
        while True:
            if self.at(".") or (self.at("?.") and self.following.kind == "name"):
                self.take()
                keys.append(self.member_name())
            elif self.at("[") and self.at("]", 2) and self.following.kind in ("number", "string"):
                self.take()
                keys.append(self.static_key(self.take()))
                self.take()
            else:
                break
        if not self.at("("):
            if root in _CLOCKS and not keys:
                return Clock(root), []
            return Path(root, tuple(keys)), []
        return self.called(root, keys)

    def called(self, root: str, keys: list[Key]) -> tuple[Node, list[Step]]:
        name = ".".join([root, *map(str, keys)])
        if root in _CLOCKS and not keys:
            self.arguments()
            return Clock(root), []
        if name in FUNCTIONS:
            arguments = self.arguments()
            self.check_call("function", name, FUNCTIONS[name], len(arguments))
            return Call(name, tuple(arguments)), []
        if not keys or not isinstance(keys[-1], str):
            raise expression_error(f"{name[:80]}() is no function that expressions have")
        return Path(root, tuple(keys[:-1])), [self.method(keys[-1])]

    def more_steps(self, base: Node, steps: list[Step], *, is_number: bool) -> None:
        while True:
            if self.at(".") or self.at("?."):
                if is_number and not steps:
                    raise self.unexpected("expected an operator")
                optional = self.take().text == "?."
                if optional and self.at("["):
                    continue
                name = self.member_name()
                steps.append(self.method(name) if self.at("(") else Member(name))
            elif self.accept("["):
                steps.append(self.index())
            elif self.at("(") and steps and isinstance(steps[-1], Member) and steps[-1].key in _REFUSED:
                self.arguments()  # calling what is always missing stays missing
            else:
                break

    def member_name(self) -> str:
        if self.token.kind != "name":
            raise self.unexpected("expected a name")
        return self.take().text

    def static_key(self, token: Token) -> Key:
        return int(token.text) if token.kind == "number" and token.text.isdigit() else token.text

    def index(self) -> Step:
        key = self.filtered()
        self.expect("]")
        if isinstance(key, Literal) and isinstance(key.value, str | int) and not isinstance(key.value, bool):
            return Member(key.value)
        return Index(key)

    def method(self, name: str) -> Step:
        """The call of a method, from its opening parenthesis."""
        if name in _REFUSED:
            self.arguments()
            return Member(name)
        if name in LAMBDA_METHODS:
            return self.lambda_method(name)
        arguments = self.arguments()
        self.check_call("method", name, METHODS.get(name), len(arguments))
        return Method(name, tuple(arguments))

    def lambda_method(self, name: str) -> Step:
        self.expect("(")
        function = self.function()
        if function is None and not (name == "sort" and self.at(")")):
            raise self.unexpected(f"expected a function such as x => x.id as the argument of {name}()")
        arguments: list[Node] = []
        if name == "reduce" and self.accept(","):
            arguments.append(self.filtered())
        self.expect(")")
        return Method(name, tuple(arguments), function)

    def function(self) -> Lambda | None:
        """A lambda if one starts here, else None with nothing consumed."""
        parameters: list[str] = []
        if self.token.kind == "name" and self.at("=>", 1):
            parameters.append(self.take().text)
        elif (length := self.parameter_list()) is not None:
            parameters = [
                token.text for token in self.tokens[self.position : self.position + length] if token.kind == "name"
            ]
            self.position += length
        else:
            return None
        self.expect("=>")
        return Lambda(tuple(parameters), self.conditional())

    def parameter_list(self) -> int | None:
        """How many tokens ``(a, b)`` before an arrow takes; None if there is no such thing here."""
        if not self.at("("):
            return None
        length = 1
        while self.tokens[self.position + length].kind == "name":
            length += 1
            if not self.at(",", length):
                break
            length += 1
        return length + 1 if self.at(")", length) and self.at("=>", length + 1) else None

    def arguments(self) -> list[Node]:
        self.expect("(")
        found: list[Node] = []
        while not self.at(")"):
            found.append(self.filtered())
            if not self.accept(","):
                break
        self.expect(")")
        return found

    def check_call(self, kind: str, name: str, function: Function | None, count: int) -> None:
        if function is None:
            raise expression_error(f"{name[:80]!r} is no {kind} that expressions have, in {shown(self.text)}")
        if not function.fewest <= count <= function.most:
            raise expression_error(f"the {kind} {name!r} does not take {count} arguments, in {shown(self.text)}")

    def primary(self) -> Node:
        token = self.take()
        if token.kind == "number":
            return Literal(_number(token.text))
        if token.kind == "string":
            return self.quoted(token.text)
        if token.kind == "name":
            return Literal(_WORDS[token.text]) if token.text in _WORDS else Path(token.text)
        closing = {"(": ")", "{{": "}}", "${": "}"}.get(token.text)
        if closing is not None:
            node = self.filtered()
            self.expect(closing)
            return node
        if token.text == "[":
            return self.list_literal()
        if token.text == "{" and self.accept("}"):
            return ObjectLiteral()
        self.position -= token.kind != "end"
        raise self.unexpected("expected a value")

    def quoted(self, text: str) -> Node:
        if "{{" not in text:
            return Literal(text)
        self.enter()
        parts = split(text, parse_expression)
        self.depth -= 1
        nodes = tuple(part if isinstance(part, str) else part.node or part.source for part in parts)
        return Literal(text) if all(isinstance(part, str) for part in nodes) else Interpolated(nodes)

    def list_literal(self) -> Node:
        items: list[Any] = []
        while not self.at("]"):
            node = self.unary()
            if isinstance(node, Unary) and node.operators == ("-",) and isinstance(node.operand, Literal):
                node = Literal(-node.operand.value)
            if not isinstance(node, Literal):
                raise self.unexpected("expected only constants in a list")
            items.append(node.value)
            if not self.accept(","):
                break
        self.expect("]")
        return ListLiteral(tuple(items))


def _number(text: str) -> int | float:
    return int(text) if text.isdigit() and len(text) <= _NUMBER_SPAN else float(text)
