"""Files of recorded replies: read when asked, the first folder wins, a broken one is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.integrations.sandbox.fixtures import FixtureFolder, merged, own_replies


def write(folder: Path, name: str, *operations: str, output: str = "x") -> None:
    listed = [
        {"operationId": each, "provider": "p", "validCases": [{"name": "ok", "input": {}, "expectedOutput": output}]}
        for each in operations
    ]
    (folder / name).write_text(json.dumps(listed))


def test_a_folder_has_json_and_yaml_of_providers(tmp_path: Path) -> None:
    write(tmp_path, "acme.json", "listOrders")
    (tmp_path / "other.yaml").write_text("- operationId: ping\n  validCases:\n  - {name: ok, expectedOutput: pong}\n")
    folder = FixtureFolder(tmp_path)
    assert list(folder.operations("acme")) == ["listOrders"]
    assert folder.operations("other")["ping"].valid_cases[0].expected_output == "pong"
    assert folder.operations("nobody") == {}


def test_what_was_read_is_kept(tmp_path: Path) -> None:
    write(tmp_path, "acme.json", "listOrders")
    folder = FixtureFolder(tmp_path)
    folder.operations("acme")
    (tmp_path / "acme.json").unlink()
    assert list(folder.operations("acme")) == ["listOrders"]


def test_the_first_source_that_has_an_operation_wins(tmp_path: Path) -> None:
    for name in ("mine", "theirs"):
        (tmp_path / name).mkdir()
    write(tmp_path / "mine", "acme.json", "a", output="mine")
    write(tmp_path / "theirs", "acme.json", "a", "b", output="theirs")
    found = merged([FixtureFolder(tmp_path / "mine"), FixtureFolder(tmp_path / "theirs")], "acme")
    assert {name: each.valid_cases[0].expected_output for name, each in found.items()} == {"a": "mine", "b": "theirs"}


@pytest.mark.parametrize("content", ["{", '{"operationId": "a"}', '[{"operationId": 5}]'], ids=str)
def test_a_file_that_is_none_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "acme.json").write_text(content)
    with pytest.raises(FlowrayError, match=r"acme\.json is no fixture file") as caught:
        FixtureFolder(tmp_path).operations("acme")
    assert caught.value.code == ErrorCode.CONFIGURATION


def test_flowray_brings_replies_that_all_can_be_read() -> None:
    own = own_replies()
    assert list(own.operations("slack")) == ["createChannel", "getChannelHistory", "inviteUser"]
    assert own.operations("stripe")["createRefund"].error_cases[0].name == "rate_limited"
