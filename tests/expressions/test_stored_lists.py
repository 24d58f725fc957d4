"""Lists of which only the parts that are read are in memory (R16)."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.expressions.evaluator import evaluate, evaluate_part, evaluate_text
from flowray.expressions.names import MISSING, Names
from flowray.expressions.parser import parse_expression
from flowray.expressions.resolution import resolve, resolve_part, step_into
from flowray.expressions.stored_lists import MISSES, NotLoadedError, PartlyStored, StoredList, whole
from flowray.values import Chunk, Json, StoredValue, Value


class Parts:
    """A Source: ten chunks of two numbers each, of which those in ``loaded`` are in memory."""

    def __init__(self, *loaded: int) -> None:
        self.loaded = {f"c.{number}" for number in loaded}

    def resolved(self, value: Value) -> Any:
        if not isinstance(value, StoredValue):
            return value
        if value.payload_id not in self.loaded:
            raise NotLoadedError(self, (value.payload_id,))
        number = int(value.payload_id.removeprefix("c."))
        return value.part_of([2 * number, 2 * number + 1])

    def require(self, manifest: StoredValue) -> None:
        missing = tuple(chunk.payload_id for chunk in manifest.parts if chunk.payload_id not in self.loaded)
        if missing:
            raise NotLoadedError(self, missing)

    async def fetch(self, payload_ids: tuple[str, ...]) -> None:
        self.loaded.update(payload_ids)


def stored(*loaded: int, tail: tuple[Json, ...] = ()) -> StoredList:
    chunks = tuple(Chunk(f"c.{number}", 9, 2 * number + 2) for number in range(10))
    return StoredList(StoredValue("", 99, 20 + len(tail), "[0", chunks=chunks, tail=tail), Parts(*loaded))


def test_an_entry_needs_its_own_chunk_and_nothing_else() -> None:
    found = stored(3, tail=("rest",))
    assert (len(found), found.entry(7), found.entry(20)) == (21, 7, "rest")
    with pytest.raises(NotLoadedError) as missing:
        found.entry(0)
    assert missing.value.payload_ids == ("c.0",)


async def test_what_is_missing_can_be_loaded_and_read_again() -> None:
    found = stored()
    with pytest.raises(NotLoadedError) as missing:
        found.entry(5)
    await missing.value.load()
    assert found.entry(5) == 5


def test_who_reads_much_of_a_list_part_by_part_loads_the_rest_at_once() -> None:
    found = stored()
    for number in range(MISSES):
        with pytest.raises(NotLoadedError) as one:
            found.entry(2 * number)
        assert len(one.value.payload_ids) == 1
    with pytest.raises(NotLoadedError) as all_:
        found.entry(19)
    assert len(all_.value.payload_ids) == 10


def test_whole_it_is_a_plain_list_in_an_object_too() -> None:
    found = stored(*range(10), tail=("rest",))
    assert whole(found) == [*range(20), "rest"]
    assert whole(PartlyStored(results=found, n=1)) == {"results": [*range(20), "rest"], "n": 1}
    assert whole([1]) == [1]
    with pytest.raises(NotLoadedError):
        whole(stored(1))


def test_a_log_shows_how_large_it_is_and_how_it_begins() -> None:
    assert stored().shown() == {"__truncated": True, "__originalSize": 99, "__preview": "[0"}


def test_a_path_steps_into_it_by_index_and_asks_for_its_length() -> None:
    found = stored(3)
    read = [step_into(found, key) for key in (6, "7", "length", 99, -1, "x", "__class__")]
    assert read == [6, 7, 20, MISSING, MISSING, MISSING, MISSING]
    names = Names(outputs={"out": found, "o": PartlyStored(results=found)}, loop=PartlyStored(results=found, index=0))
    assert resolve(names, "out", (6,)) == 6
    assert resolve_part(names, "out", ()) is found
    with pytest.raises(NotLoadedError):
        resolve(names, "loop", ())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("out[6]", 6), ("out[k]", 7), ("out.length", 20), ("out | length", 20), ("out | last", MISSING),
        ("out.at(7)", 7), ("out.at(-14)", 6), ("out.at(99)", None), ("o.results[6] + out[7]", 13),
        ("loop.results.length > 3 && out[k] == 7", True),
    ],
)  # fmt: skip
def test_an_expression_reads_what_it_names(text: str, value: Any) -> None:
    found = stored(3)
    names = Names(
        outputs={"out": found, "o": PartlyStored(results=found)}, inputs={"k": 7}, loop=PartlyStored(results=found)
    )
    if value is MISSING:
        with pytest.raises(NotLoadedError):
            evaluate_text(text, names)
    else:
        assert evaluate_text(text, names) == value


@pytest.mark.parametrize("text", ["out", "out.map(x => x * 2)[3]", "out | json", "out == 1", "o.results.slice(1)"])
def test_whatever_else_looks_at_it_gets_all_of_it(text: str) -> None:
    names = Names(outputs={"out": stored(3), "o": PartlyStored(results=stored(3))})
    with pytest.raises(NotLoadedError) as missing:
        evaluate_text(text, names)
    assert len(missing.value.payload_ids) == 9
    ready = Names(outputs={"out": stored(*range(10)), "o": PartlyStored(results=stored(*range(10)))})
    assert type(evaluate(parse_expression(text), ready)) in (list, int, str, bool)


def test_a_part_may_be_asked_for_as_it_is() -> None:
    names = Names(outputs={"o": PartlyStored(results=(found := stored()))})
    assert evaluate_part(parse_expression("o.results"), names) is found
