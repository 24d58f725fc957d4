"""JSON and YAML text, within bounds."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.definition import documents
from flowray.definition.diagnostics import Diagnostics
from flowray.definition.documents import read_document, within_bounds


def _read(text: str | bytes, format: str | None = None) -> tuple[Any, list[tuple[str, str]]]:
    found = Diagnostics()
    value = read_document(text, format, found)
    return value, [(item.code.value, item.message) for item in found]


def test_json_and_yaml_are_told_apart() -> None:
    assert _read('  {"a": [1, 2.5, null, true]}') == ({"a": [1, 2.5, None, True]}, [])
    assert _read("a:\n  - 1\n  - x: y") == ({"a": [1, {"x": "y"}]}, [])
    assert _read(b"\xef\xbb\xbf{}") == ({}, [])


def test_yaml_is_read_by_the_1_2_core_rules() -> None:
    assert _read("a: [yes, no, on, 2024-01-01, 010, 1:30, 1e3, .5, ~, true]", "yaml")[0]["a"] == [
        "yes", "no", "on", "2024-01-01", 10, "1:30", 1000.0, 0.5, None, True,
    ]  # fmt: skip


def test_yaml_keys_become_text() -> None:
    assert _read("1: a\ntrue_: b\nnull: c")[0] == {"1": "a", "true_": "b", "null": "c"}


def test_aliases_and_merge_keys_work() -> None:
    assert _read("a: &x {p: 1}\nb: *x\nc: {<<: *x, q: 2}")[0] == {"a": {"p": 1}, "b": {"p": 1}, "c": {"p": 1, "q": 2}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": }', "Not JSON: Expecting value at line 1, column 7."),
        ('{"a": NaN}', "NaN is not a JSON value."),
        ('{"a": 1e999}', "A number is too large for JSON."),
        ("- [", "Not YAML: did not find expected node content at line 2, column 1."),
        ("", "The document is empty."),
        ("a: &x [*x]", "A YAML alias refers to what contains it."),
        (b"\xff\xfe{", "The document is not UTF-8: byte 0 cannot be read."),
    ],
)
def test_malformed_text_is_reported_with_its_place(text: str | bytes, message: str) -> None:
    assert _read(text) == (None, [("MALFORMED_DOCUMENT", message)])


def test_python_tags_are_refused() -> None:
    assert _read("a: !!python/object/apply:os.system [ls]")[1][0][0] == "MALFORMED_DOCUMENT"


@pytest.mark.parametrize("format", ["json", "yaml"])
@pytest.mark.parametrize("depth", [101, 200_000])
def test_deep_documents_are_refused(format: str, depth: int) -> None:
    assert _read("[" * depth + "]" * depth, format)[1][0][0] == "DOCUMENT_TOO_DEEP"


def test_alias_bombs_are_refused_without_being_expanded() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 10)]
    assert _read("\n".join(lines))[1][0][0] == "DOCUMENT_TOO_LARGE"


def test_large_texts_are_refused_before_they_are_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_BYTES", 10)
    assert _read('{"a": "bcdefgh"}')[1] == [("DOCUMENT_TOO_LARGE", "The document has 16 bytes; at most 10 are read.")]


def test_too_many_values_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_VALUES", 5)
    assert _read("[1,2,3,4,5,6]")[1][0][0] == "DOCUMENT_TOO_LARGE"
    assert _read("[1,2,3,4,5,6]", "yaml")[1][0][0] == "DOCUMENT_TOO_LARGE"


@pytest.mark.parametrize("format", ["json", "yaml"])
def test_repeated_keys_are_errors(format: str) -> None:
    codes = [code for code, _ in _read('{"nodes": {"a": 1, "a": 2}}', format)[1]]
    assert codes == ["DUPLICATE_KEY"]


def test_values_parsed_elsewhere_are_bounded_too() -> None:
    found = Diagnostics()
    value: Any = []
    for _ in range(200):
        value = [value]
    assert not within_bounds(value, found)
    assert [item.code.value for item in found] == ["DOCUMENT_TOO_DEEP"]
    assert within_bounds({"a": [1]}, Diagnostics())
