"""The context limit bounds what is kept inline: above it values spill, and stay readable (R7, R16)."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.engine.commands import PruneOutputs
from flowray.engine.residency import SMALL_BYTES, inline_limit
from flowray.engine.signals import Signals
from flowray.values import INLINE_LIMIT_BYTES, Chunk, StoredValue, as_value, encode_json
from tests.engine.harness import Reply, Run, items, ok, run
from tests.engine.plans import PlanMaker

TEXT = "x" * 998
BYTES = len(encode_json(TEXT))


def chain(length: int, **settings: Any) -> PlanMaker:
    """``n0 -> n1 -> …``; each reads the one before, the last reads all."""
    maker = PlanMaker(**settings)
    for number in range(length):
        reads = range(number) if number == length - 1 else range(max(number - 1, 0), number)
        maker.node(f"n{number}", reads=[f"n{other}" for other in reads])
        if number:
            maker.edge(f"n{number - 1} -> n{number}")
    return maker


def test_resident_bytes_are_those_of_the_outputs_that_are_kept() -> None:
    played = Run(chain(4).build(), {f"n{n}": ok(TEXT) for n in range(4)}).start()
    for number in range(3):
        played.finish(f"n{number}")
        assert played.state.resident_bytes == BYTES * (number + 1)
    played.play()
    assert played.state.resident_bytes == BYTES  # n3 is all that is left: nobody reads the others any more


def test_a_scope_leaves_its_result_and_a_container_its_output() -> None:
    plan = PlanMaker().loop("L").chain("x", "y", scope="L").node("after", reads=["L"]).edge("L -> after").build()
    played = Run(plan, {"L": items(1, 2), "x": ok(TEXT), "y": ok(TEXT), "after": ok(None)}).start()
    played.finish("L")
    played.finish("L[0]/x")
    played.finish("L[0]/y")
    assert played.state.resident_bytes == BYTES
    played.finish("L[1]/x")
    assert played.state.resident_bytes == 2 * BYTES
    played.play()
    assert played.state.resident_bytes == 0


def test_the_limit_of_the_next_output_shrinks_with_what_is_left() -> None:
    played = Run(chain(5, max_total_bytes=3 * BYTES).build(), {f"n{n}": ok(TEXT) for n in range(5)}).start()
    limits = [inline_limit(played.index, played.state)]
    for number in range(4):
        played.finish(f"n{number}")
        limits.append(inline_limit(played.index, played.state))
    assert limits == [3 * BYTES, 2 * BYTES, BYTES, SMALL_BYTES, SMALL_BYTES]
    assert inline_limit(Run(chain(1).build()).index, played.state) == INLINE_LIMIT_BYTES


def test_stored_values_do_not_count() -> None:
    played = run(chain(2).build(), {"n0": ok(StoredValue("e.1", 99_999)), "n1": ok(None)})
    assert played.state.resident_bytes == 0


def test_l5_with_a_limit_of_nothing_every_value_is_still_read() -> None:
    """What a lane would do at the limit: store, and answer with a descriptor."""
    store: dict[str, Any] = {}

    def spilling(call: Any, seen: Any) -> Reply:
        read = [store[value.payload_id] for value in seen.outputs.values()]
        store[f"e.{call.node_id}"] = f"{call.node_id} {len(read)} {TEXT}"
        assert inline_limit(played.index, played.state) == SMALL_BYTES
        return ok(StoredValue(f"e.{call.node_id}", len(TEXT)))

    plan = chain(6, max_total_bytes=0).build()
    played = Run(plan, {f"n{n}": spilling for n in range(6)})
    played.start().play()
    assert store["e.n5"].startswith("n5 5 ")


def test_r36_caches_forget_what_an_iteration_leaves_behind_and_its_result_once_that_is_in_a_chunk() -> None:
    plan = PlanMaker().loop("L").chain("x", "y", scope="L").node("after", reads=["L"]).edge("L -> after").build()
    script = {
        "L": lambda call, seen: ok(StoredValue("e.chunk", 20_000)) if call.sentinel == "collect" else items(1, 2),
        "x": lambda call, seen: ok(StoredValue(f"{call.instance}.x", 9_999)),
        "y": lambda call, seen: ok(StoredValue(f"{call.instance}.y", 9_999)),
        "after": ok(None),
    }
    played = run(plan, script)
    dropped = [name for command in played.commands if isinstance(command, PruneOutputs) for name in command.payload_ids]
    assert dropped == ["L[0]/x.x", "L[1]/x.x", "L[0]/y.y", "L[1]/y.y", "e.chunk"]
    assert played.output_of("L").parts == (Chunk("e.chunk", 20_000, 2),)


def test_r16_caches_forget_the_chunks_of_results_that_were_read() -> None:
    maker = PlanMaker().parallel("P").node("x", scope="P").node("a", reads=["P"]).node("b")
    played = run(
        maker.edge("P -> a", "a -> b").build(),
        {
            "P": lambda call, seen: ok(StoredValue("e.chunk", 20_000)) if call.sentinel == "collect" else items(1, 2),
            "x": ok("x" * 20_000),
        },
    )
    dropped = [name for command in played.commands if isinstance(command, PruneOutputs) for name in command.payload_ids]
    assert dropped == ["e.chunk"]


def test_r16_caches_forget_results_that_nobody_reads_but_not_what_a_reader_of_the_body_sees() -> None:
    maker = PlanMaker().loop("L").node("x", scope="L").node("after", reads=["x"]).edge("L -> after")
    stored = ok(StoredValue("e.x", 90_000))
    played = Run(maker.build(), {"L": items(1), "x": stored, "after": ok(None)}).start()
    while not any(call.instance == "after" for call in played.pending):
        assert played.move()
    assert not any(isinstance(command, PruneOutputs) for command in played.commands)
    assert played.slices["after"].outputs == {"x": StoredValue("e.x", 90_000)}
    assert played.output_of("L").is_in_log


@pytest.mark.parametrize("results", ["terminal", "all"])
def test_r36_caches_keep_what_a_result_consists_of_until_the_container_has_ended(results: str) -> None:
    """A round with several terminals, or a dialect that asks for the whole body: END reads each of their values."""
    maker = PlanMaker().loop("L", results=results).node("x", scope="L").node("y", scope="L")
    maker.node("after", reads=["L"]).edge("L -> after")
    script = {
        "L": lambda call, seen: ok({"items": [1, 2]}) if call.sentinel == "open" else ok(None),
        "x": lambda call, seen: ok(StoredValue(f"{call.instance}.x", 9_999)),
        "y": lambda call, seen: ok(StoredValue(f"{call.instance}.y", 9_999)),
        "after": ok(None),
    }
    played = Run(maker.build(), script).start()
    while not any(call.sentinel == "collect" for call in played.pending):
        assert played.move()
    dropped = [name for command in played.commands if isinstance(command, PruneOutputs) for name in command.payload_ids]
    assert dropped == []


@pytest.mark.parametrize("keep_last", [0, 2])
def test_keep_last_lets_caches_forget_but_readers_read(keep_last: int) -> None:
    plan = chain(5, policy=f"keepLast({keep_last})", keep_last=keep_last).build()
    played = Run(plan, {f"n{n}": ok(StoredValue(f"e.{n}", 9_999)) for n in range(5)}).start()
    for number in range(4):
        played.finish(f"n{number}")
    dropped = [name for command in played.commands if isinstance(command, PruneOutputs) for name in command.payload_ids]
    assert dropped == [f"e.{n}" for n in range(4 - keep_last)]
    assert sorted(played.slices["n4"].outputs) == ["n0", "n1", "n2", "n3"]
    assert played.slices["n4"].pruned == ()
    assert inline_limit(played.index, played.state) == SMALL_BYTES


def test_r9_caches_keep_what_the_execution_ends_with_though_its_scope_is_gone() -> None:
    """Others read it: the parent of a child."""
    plan = PlanMaker().loop("L").chain("x", "y", scope="L").build()
    value = StoredValue("e1.x", 638, length=4, preview="{}")
    played = run(plan, {"L": items(1), "x": ok(value, signals=Signals(finish=True))})
    assert as_value(played.state.outputs) == value
    assert not any(isinstance(command, PruneOutputs) for command in played.commands)
