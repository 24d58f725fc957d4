"""One workflow or several in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowray.cli.documents import read_workflow, read_workflows
from flowray.errors import DefinitionError


def test_json_and_yaml(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"name": "a"}')
    (tmp_path / "a.yaml").write_text("name: a\non: yes\n")
    assert read_workflow(str(tmp_path / "a.json")) == {"name": "a"}
    assert read_workflow(str(tmp_path / "a.yaml")) == {"name": "a", "on": "yes"}


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.json", '[{"name": "a"}, {"name": "b"}]'), ("a.jsonl", '{"name": "a"}\n\n{"name": "b"}\n')],
)
def test_several_in_one_file(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert [item["name"] for item in read_workflows(str(tmp_path / name))] == ["a", "b"]


def test_one_is_a_list_of_one(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"name": "a"}')
    assert read_workflows(str(tmp_path / "a.json")) == [{"name": "a"}]


def test_what_is_neither_json_nor_yaml_is_a_definition_error(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"name": ')
    with pytest.raises(DefinitionError):
        read_workflow(str(tmp_path / "a.json"))
