"""What a handler will read of lists in chunks is read before it is called (R16)."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.definition.node_type import FieldKind
from flowray.expressions.names import Names
from flowray.expressions.stored_lists import NotLoadedError
from flowray.expressions.template import FillOptions
from flowray.handlers.read_ahead import touch
from flowray.handlers.value_loader import ValueLoader
from flowray.values import Chunk, StoredValue
from tests.fakes.services import MemoryPayloads

KINDS = {
    "when": FieldKind.EXPRESSION, "reduce": FieldKind.JSONATA, "code": FieldKind.SCRIPT, "note": FieldKind.LITERAL,
    "path": FieldKind.PATH,
}  # fmt: skip


def needed(config: dict[str, Any], sentinel: str = "", *, partly: bool = True) -> tuple[str, ...]:
    """The payloads that it asks for."""
    chunks = tuple(Chunk(f"e.{number}", 9, number + 1) for number in range(3))
    out = ValueLoader(MemoryPayloads(), "e").filled(StoredValue("", 27, 3, chunks=chunks, tail=()))
    try:
        touch(config, KINDS, Names(outputs={"out": out}, partly_loaded=partly), FillOptions(), sentinel)
    except NotLoadedError as missing:
        return missing.payload_ids
    return ()


@pytest.mark.parametrize(
    ("config", "payloads"),
    [
        ({"when": "out[1] > 3"}, ("e.1",)),
        ({"when": [{"condition": "{{out[2]}} == 'x'"}]}, ("e.2",)),
        ({"when": "out.length > 2"}, ()),
        ({"when": "const x = out; x.length"}, ("e.0", "e.1", "e.2")),
        ({"reduce": "$sum(out)"}, ("e.0", "e.1", "e.2")),
        ({"reduce": "$sum(other)"}, ()),
        ({"code": "return out[1]"}, ("e.0", "e.1", "e.2")),
        ({"note": "see {{out[0]}}"}, ("e.0",)),
        ({"note": "nothing"}, ()),
        ({"when": "1 +", "text": "{{out}}", "path": "out"}, ()),
    ],
)
def test_r16_each_kind_of_field_asks_for_what_it_reads(config: dict[str, Any], payloads: tuple[str, ...]) -> None:
    assert needed(config) == payloads


def test_a_container_evaluates_only_what_it_is_asked_about() -> None:
    config = {"when": "out[1] > 3", "reduce": "$sum(out)"}
    assert [needed(config, sentinel) for sentinel in ("open", "condition", "close")] == [
        (), ("e.1",), ("e.0", "e.1", "e.2"),
    ]  # fmt: skip


def test_without_such_lists_nothing_is_evaluated() -> None:
    assert needed({"when": "out[1] > 3"}, partly=False) == ()


def test_what_fails_here_is_left_to_the_handler() -> None:
    assert needed({"when": "'x'.padEnd(99999999) == out[1]"}) == ()
