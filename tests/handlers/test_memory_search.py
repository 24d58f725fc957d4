"""Search by words: the same every time, best first."""

from __future__ import annotations

import pytest

from flowray.handlers.memory_search import MAX_TERMS, Match, search

ENTRIES = {
    "cat": "I have a cat that likes fish",
    "dog": {"text": "a DOG and a fish", "age": 3},
    "fish facts": "fish, fish and more fish",
    "n": 42,
    "none": None,
}


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("fish", ["fish facts", "cat", "dog"]),
        ("dog", ["dog"]),
        ("CAT fish", ["cat", "fish facts", "dog"]),
        ("42", ["n"]),
        ("3", ["dog"]),
        ("bird", []),
        ("?!", []),
        ("", []),
    ],
)
def test_best_first(query: str, keys: list[str]) -> None:
    assert [match.key for match in search(ENTRIES, query, 10)] == keys


def test_similarity_is_the_share_of_words_found() -> None:
    assert search(ENTRIES, "cat fish moon", 1) == [Match("cat", ENTRIES["cat"], 0.6667)]


def test_threshold_and_number_bound_the_result() -> None:
    assert [match.key for match in search(ENTRIES, "cat fish", 10, at_least=0.6)] == ["cat"]
    assert [match.key for match in search(ENTRIES, "fish", 2)] == ["fish facts", "cat"]


def test_equals_stand_in_the_order_of_their_keys() -> None:
    assert [match.key for match in search({"b": "x", "a": "x", "c": "x"}, "x", 5)] == ["a", "b", "c"]


def test_scripts_without_spaces_are_found_too() -> None:
    assert search({"k": "日本語の本"}, "日本語", 5)[0].key == "k"


def test_only_so_many_words_of_a_query_count() -> None:
    words = " ".join(f"w{number}x" for number in range(MAX_TERMS))
    assert search({"k": words}, f"{words} more words", 1)[0].similarity == 1.0
