"""Which parts of a tree are conditions, of which only the truth matters. Tree to tree; evaluates nothing.

``||`` between values offers a default, so that 0, "" and false are kept (as FlowMaestro's resolver does); between
conditions it is JavaScript's or. Which of them is meant shows in the tree: an operand that is a comparison, a negation
or the like is a condition, and so is whatever stands before ``?`` or after ``!``.
"""

from __future__ import annotations

from flowray.expressions.functions import BOOLEAN_FUNCTIONS, BOOLEAN_METHODS
from flowray.expressions.syntax import Access, Call, Chain, Clock, Either, Literal, Method, Node, Unary

_COMPARISONS = frozenset({"==", "!=", "===", "!==", "<", "<=", ">", ">="})
_NUMERIC = frozenset({"-", "*", "/", "%", "<", "<=", ">", ">="})


def chain(first: Node, rest: list[tuple[str, Node]]) -> Node:
    """The chain of operators of one precedence, with ``||`` after conditions written as ``or``."""
    if rest[0][0] == "||" or rest[0][0] == "??":
        conditions = is_condition(first)
        written = []
        for operator, operand in rest:
            written.append(("or" if operator == "||" and conditions else operator, operand))
            conditions = conditions and is_condition(operand)
        return Chain(first, tuple(written))
    if any(operator in _NUMERIC for operator, _ in rest):
        first = _as_number(first)
        rest = [(operator, _as_number(operand)) for operator, operand in rest]
    return Chain(first, tuple(rest))


def is_condition(node: Node) -> bool:
    """True if the value of ``node`` is true or false by its very form."""
    match node:
        case Chain(first, ((operator, _), *_) as rest):
            if operator in _COMPARISONS:
                return True
            return all(sign in ("&&", "or") and is_condition(operand) for sign, operand in rest) and is_condition(first)
        case Unary(operators, _):
            return operators[0] == "!"
        case Literal(value):
            return isinstance(value, bool)
        case Access(_, (*_, Method(name))):
            return name in BOOLEAN_METHODS
        case Call(name, _):
            return name in BOOLEAN_FUNCTIONS
    return False


def as_condition(node: Node) -> Node:
    """``node`` for a place where only its truth matters: each ``||`` in it that decides the truth becomes ``or``."""
    match node:
        case Chain(first, ((("||" | "&&" | "or"), _), *_) as rest):
            written = tuple(("or" if sign == "||" else sign, as_condition(operand)) for sign, operand in rest)
            return Chain(as_condition(first), written)
        case Either(hyphenated, subtracted, paths, roots):
            return Either(as_condition(hyphenated), as_condition(subtracted), paths, roots)
    return node


def _as_number(node: Node) -> Node:
    return Clock(node.name, as_number=True) if isinstance(node, Clock) else node
