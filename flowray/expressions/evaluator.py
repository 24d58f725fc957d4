"""Tree and Names to a value. Pure and bounded: no clock, no I/O, no attribute of a Python object, a budget of steps.

Missing names read null inside an expression. What a whole expression yields may be MISSING: then nothing that it could
have been was there, and the caller decides what to show.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cmp_to_key, partial
from typing import Any

from flowray.expressions.conversions import (
    arithmetic,
    json_kind,
    loosely_equal,
    order,
    strictly_equal,
    to_number,
    to_text,
    truthy,
)
from flowray.expressions.filters import FILTERS
from flowray.expressions.functions import FUNCTIONS, LAMBDA_METHODS, METHODS, sort_plainly
from flowray.expressions.limits import MAX_STEPS, expression_error, within_text_limit
from flowray.expressions.names import MISSING, Names
from flowray.expressions.parser import parse_condition, parse_expression
from flowray.expressions.resolution import is_known, resolve, resolve_part, step_into
from flowray.expressions.stored_lists import PARTLY, StoredList, whole
from flowray.expressions.syntax import (
    Access,
    Call,
    Chain,
    Clock,
    Conditional,
    Either,
    Filtered,
    Index,
    Interpolated,
    Lambda,
    ListLiteral,
    Literal,
    Member,
    Method,
    Node,
    ObjectLiteral,
    Path,
    Unary,
)
from flowray.values import Json

_TYPE_NAMES = {"null": "undefined", "array": "object"}
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": loosely_equal,
    "!=": lambda left, right: not loosely_equal(left, right),
    "===": strictly_equal,
    "!==": lambda left, right: not strictly_equal(left, right),
    "<": lambda left, right: order(left, right) == -1,
    "<=": lambda left, right: order(left, right) in (-1, 0),
    ">": lambda left, right: order(left, right) == 1,
    ">=": lambda left, right: order(left, right) in (0, 1),
}


def evaluate(node: Node, names: Names) -> Any:
    """The value of a tree: JSON or MISSING. Raises EXPRESSION_ERROR if a limit is reached."""
    if type(node) is Path:
        return resolve(names, node.root, node.keys)
    return _guarded(lambda: _Evaluation(names).value(node))


def evaluate_part(node: Node, names: Names) -> Any:
    """As ``evaluate``; a stored list is not read but returned as it is (R16)."""
    if type(node) is Path:
        return resolve_part(names, node.root, node.keys)
    return _guarded(lambda: _Evaluation(names).part(node))


def evaluate_text(text: str, names: Names) -> Json:
    """The value of an expression; null if it is missing. Raises EXPRESSION_ERROR if it does not parse."""
    value = evaluate(parse_expression(text), names)
    return None if value is MISSING else value


def evaluate_condition(text: str, names: Names) -> bool:
    """The truth of an expression, with or without ``{{…}}`` inside. Raises EXPRESSION_ERROR if it does not parse."""
    return truthy(evaluate(parse_condition(text), names))


def call_function(function: Lambda, arguments: tuple[Json, ...], names: Names) -> Json:
    """The result of an arrow function. Missing arguments read null, superfluous ones are ignored."""
    return _guarded(lambda: _Evaluation(names).call(function, arguments))


def _guarded(run: Callable[[], Any]) -> Any:
    try:
        return run()
    except RecursionError:
        raise expression_error("a value or the expression is nested too deeply to be evaluated") from None


class _Evaluation:
    """One evaluation: names, the parameters of lambdas, and the steps left."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.locals: dict[str, Any] = {}
        self.steps = 0
        self.built = 0

    def spend(self, steps: int) -> None:
        self.steps += steps
        if self.steps > MAX_STEPS:
            raise expression_error(f"the expression takes more than {MAX_STEPS} steps", "use a transform or code node")

    def value(self, node: Node) -> Any:
        """JSON or MISSING."""
        self.spend(1)
        value = _RULES[type(node)](self, node)
        return whole(value) if type(value) in PARTLY else value

    def part(self, node: Node) -> Any:
        """JSON or MISSING, or a stored list of which nothing has to be read yet."""
        self.spend(1)
        return _RULES[type(node)](self, node)

    def plain(self, node: Node) -> Any:
        """The value with missing as null: what operators and calls work on."""
        value = self.value(node)
        return None if value is MISSING else value

    def literal(self, node: Literal) -> Any:
        return node.value

    def list_literal(self, node: ListLiteral) -> Any:
        return list(node.items)

    def object_literal(self, node: ObjectLiteral) -> Any:
        return {}

    def path(self, node: Path) -> Any:
        if node.root not in self.locals:
            return resolve_part(self.names, node.root, node.keys)
        value = self.locals[node.root]
        for key in node.keys:
            value = step_into(value, key)
        return value

    def clock(self, node: Clock) -> Any:
        if node.name == "$elapsed":
            return MISSING if self.names.elapsed_ms is None else self.names.elapsed_ms
        now = self.names.now_ms
        if now is None:
            return MISSING
        return now if node.as_number else iso_text(now)

    def interpolated(self, node: Interpolated) -> Any:
        texts = []
        for part in node.parts:
            if isinstance(part, str):
                texts.append(part)
            else:
                value = self.value(part)
                texts.append("" if value is MISSING else to_text(value))
        within_text_limit(sum(map(len, texts)))
        return "".join(texts)

    def unary(self, node: Unary) -> Any:
        value = self.plain(node.operand)
        for operator in reversed(node.operators):
            if operator == "!":
                value = not truthy(value)
            elif operator == "typeof":
                kind = json_kind(value)
                value = _TYPE_NAMES.get(kind, kind)
            else:
                number = to_number(value)
                value = -number if number is not None and operator == "-" else number
        return value

    def chain(self, node: Chain) -> Any:
        left = self.value(node.first)
        for operator, operand in node.rest:
            if operator in ("||", "??"):
                left = self.value(operand) if left is None or left is MISSING else left
            elif operator == "or":
                left = left if truthy(left) else self.value(operand)
            elif operator == "&&":
                left = self.value(operand) if truthy(left) else left
            else:
                left = self.operation(operator, None if left is MISSING else left, self.plain(operand))
        return left

    def operation(self, operator: str, left: Any, right: Any) -> Any:
        compare = _COMPARISONS.get(operator)
        if compare is not None:
            return compare(left, right)
        result = arithmetic(operator, left, right)
        if isinstance(result, str):
            self.spend(len(result) // 64)
        return result

    def conditional(self, node: Conditional) -> Any:
        for test, value in node.cases:
            if truthy(self.value(test)):
                return self.value(value)
        return self.value(node.otherwise)

    def either(self, node: Either) -> Any:
        if all(self.path(path) is not MISSING for path in node.paths):
            return self.value(node.hyphenated)
        if all(root in self.locals or is_known(self.names, root) for root in node.roots):
            return self.value(node.subtracted)
        return self.value(node.hyphenated)

    def call_named(self, node: Call) -> Any:
        arguments = [self.plain(argument) for argument in node.arguments]
        self.spend(sum(map(_weight, arguments)))
        return FUNCTIONS[node.name].apply(*arguments)

    def filtered(self, node: Filtered) -> Any:
        value = self.part(node.value)
        for step in node.filters:
            if type(value) is StoredList and step.name in ENDS:
                value = ENDS[step.name](value)
                continue
            value = whole(value)
            if (value is MISSING or value is None) and step.name != "default":
                continue
            arguments = [self.plain(argument) for argument in step.arguments]
            self.spend(_weight(value))
            value = FILTERS[step.name].apply(None if value is MISSING else value, *arguments)
        return value

    def access(self, node: Access) -> Any:
        value = self.part(node.base)
        for step in node.steps:
            if value is MISSING or value is None:
                return MISSING
            if isinstance(step, Member):
                value = step_into(value, step.key)
            elif isinstance(step, Index):
                value = self.indexed(value, self.plain(step.key))
            else:
                value = self.method(value, step)
        return value

    def indexed(self, value: Any, key: Any) -> Any:
        if isinstance(key, float) and key.is_integer():
            key = int(key)
        if isinstance(key, bool) or not isinstance(key, str | int):
            return MISSING
        return step_into(value, key)

    def method(self, value: Any, step: Method) -> Any:
        if type(value) is StoredList and step.name == "at":
            index = to_number(self.plain(step.arguments[0])) or 0
            return _at(value, int(index))
        value = whole(value)
        self.spend(_weight(value))
        if step.name in LAMBDA_METHODS:
            return self.list_method(value, step) if isinstance(value, list) else None
        arguments = [self.plain(argument) for argument in step.arguments]
        return METHODS[step.name].apply(value, *arguments)

    def call(self, function: Lambda, arguments: tuple[Any, ...]) -> Any:
        """The body's value with the parameters bound; missing arguments read null."""
        outer = self.locals
        padded = (*arguments, *[None] * len(function.parameters))
        self.locals = {**outer, **dict(zip(function.parameters, padded, strict=False))}
        try:
            return self.plain(function.body)
        finally:
            self.locals = outer

    def list_method(self, items: list[Any], step: Method) -> Any:
        """A method of lists with its lambda. Only ``map`` builds anew; the others pass items on."""
        function = step.function
        if function is None:
            return sort_plainly(items)
        if step.name == "reduce":
            return self.reduce(items, function, step.arguments)
        if step.name == "sort":
            return sorted(items, key=cmp_to_key(partial(self.compare, function)))
        results = (self.call(function, (item, index)) for index, item in enumerate(items))
        if step.name == "map":
            return [self.grown(result) for result in results]
        matches = (index for index, result in enumerate(results) if truthy(result))
        if step.name == "filter":
            return [items[index] for index in matches]
        if step.name == "every":
            return all(map(truthy, results))
        found = next(matches, -1)
        if step.name == "find":
            return items[found] if found >= 0 else None
        return found if step.name == "findIndex" else found >= 0

    def reduce(self, items: list[Any], function: Lambda, initial: tuple[Node, ...]) -> Any:
        if not initial and not items:
            return None
        result, start = (self.plain(initial[0]), 0) if initial else (items[0], 1)
        for index in range(start, len(items)):
            result = self.call(function, (result, items[index], index))
        return result

    def compare(self, function: Lambda, left: Any, right: Any) -> int:
        result = to_number(self.call(function, (left, right))) or 0
        return (result > 0) - (result < 0)

    def grown(self, value: Any) -> Any:
        """``value``, counted. What lambdas put into new lists, shared values each time, must fit in one value."""
        pending = [value]
        while pending:
            current = pending.pop()
            self.built += 8 + (len(current) if isinstance(current, str | list | dict) else 0)
            within_text_limit(self.built)
            if isinstance(current, list):
                pending.extend(current)
            elif isinstance(current, dict):
                pending.extend(current.values())
        return value


def _at(value: StoredList, index: int) -> Any:
    """An entry, counted from the end if ``index`` is negative; null outside."""
    index += len(value) if index < 0 else 0
    return value.entry(index) if 0 <= index < len(value) else None


ENDS: dict[str, Callable[[StoredList], Any]] = {
    "first": lambda value: _at(value, 0),
    "last": lambda value: _at(value, -1),
    "length": len,
}
"""Filters that read a stored list by index."""


def _weight(value: Any) -> int:
    """Steps that going through a value once costs."""
    return len(value) // 64 if isinstance(value, str | list | dict) else 0


def iso_text(milliseconds: int) -> str:
    """Milliseconds since the epoch as ISO 8601 in UTC: ``2026-01-31T12:00:00.000Z``."""
    try:
        moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        raise expression_error(f"{milliseconds} ms is not a time that a calendar has") from None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


_RULES: dict[type, Callable[[_Evaluation, Any], Any]] = {
    Literal: _Evaluation.literal,
    ListLiteral: _Evaluation.list_literal,
    ObjectLiteral: _Evaluation.object_literal,
    Path: _Evaluation.path,
    Clock: _Evaluation.clock,
    Interpolated: _Evaluation.interpolated,
    Call: _Evaluation.call_named,
    Access: _Evaluation.access,
    Unary: _Evaluation.unary,
    Chain: _Evaluation.chain,
    Conditional: _Evaluation.conditional,
    Filtered: _Evaluation.filtered,
    Either: _Evaluation.either,
}
