"""R18: the body of every unmarked loop of the corpus is the one that was read and judged."""

from __future__ import annotations

import pytest

from tests.conformance import inferred_loops
from tests.conformance.inferred_loops import verdicts
from tests.corpus import needs_corpus

pytestmark = [needs_corpus, pytest.mark.corpus]


def test_r18_every_inferred_body_is_the_reviewed_one() -> None:
    found = {(loop.file, loop.loop): list(loop.body) for loop in inferred_loops.inferred_loops()}
    assert len(found) == 53
    assert found == {key: entry["body"] for key, entry in verdicts().items()}


def test_every_verdict_is_one_and_a_doubt_says_why() -> None:
    assert {entry["verdict"] for entry in verdicts().values()} == {"right", "doubtful"}
    assert [key for key, entry in verdicts().items() if entry["verdict"] == "doubtful" and not entry.get("why")] == []


def test_a_scripts_reads_of_the_item_put_it_into_the_body() -> None:
    """R7: ``inputs.chunk`` in code reads the item ``chunk``."""
    body = verdicts()["template__batch-data-processor.json", "loop-chunks"]["body"]
    assert body == ["llm-transform", "code-apply"]


def test_the_page_is_up_to_date() -> None:
    current = inferred_loops.TARGET.read_text(encoding="utf-8")
    assert current == inferred_loops.render(), "run: python -m tests.conformance.table"
