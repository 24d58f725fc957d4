"""Secrets that are sealed: opened by any of the keys, for their own connection only, by nobody without a key."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.connections.sealing import Sealer, kept_keys, new_key, split_keys

OLD, NEW = new_key(), new_key()


def test_what_is_sealed_shows_nothing_and_opens_again() -> None:
    sealed = Sealer([OLD]).seal("w", "team", {"token": "xoxb-1234"})
    assert "xoxb" not in sealed
    assert "team" not in sealed
    assert sealed != Sealer([OLD]).seal("w", "team", {"token": "xoxb-1234"})
    assert Sealer([OLD]).open("w", "team", sealed) == {"token": "xoxb-1234"}


def test_a_key_is_replaced_by_putting_the_new_one_first() -> None:
    sealed = Sealer([OLD]).seal("w", "team", {"a": "b"})
    both = Sealer([NEW, OLD])
    assert both.open("w", "team", sealed) == {"a": "b"}
    assert Sealer([NEW]).open("w", "team", both.seal("w", "team", {"a": "c"})) == {"a": "c"}


@pytest.mark.parametrize("keys", [[NEW], [new_key(), new_key()]])
def test_without_the_key_nothing_opens(keys: list[str]) -> None:
    sealed = Sealer([OLD]).seal("w", "team", {"a": "secret-value"})
    with pytest.raises(FlowrayError, match="no encryption key of this process opens the connection 'team'") as caught:
        Sealer(keys).open("w", "team", sealed)
    assert caught.value.code == ErrorCode.CONFIGURATION


def test_what_was_changed_does_not_open() -> None:
    sealed = Sealer([OLD]).seal("w", "team", {"a": "b"})
    changed = sealed[:30] + ("A" if sealed[30] != "A" else "B") + sealed[31:]
    with pytest.raises(FlowrayError):
        Sealer([OLD]).open("w", "team", changed)


@pytest.mark.parametrize(("workspace", "name"), [("w", "other"), ("other", "team")])
def test_what_was_sealed_for_one_connection_opens_as_no_other(workspace: str, name: str) -> None:
    """A row that is copied over another one must not lend its secrets."""
    sealed = Sealer([OLD]).seal("w", "team", {"a": "b"})
    with pytest.raises(FlowrayError, match="is of another one"):
        Sealer([OLD]).open(workspace, name, sealed)


@pytest.mark.parametrize("key", ["", "short", "x" * 44])
def test_a_key_that_is_none_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(FlowrayError) as caught:
        Sealer([key])
    assert caught.value.code == ErrorCode.CONFIGURATION
    assert not key or key not in str(caught.value)


def test_keys_of_a_setting_stand_between_commas_or_white_space() -> None:
    assert split_keys(f" {NEW},{OLD}\n{NEW} ") == [NEW, OLD, NEW]
    assert split_keys("") == []


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "encryption.key"
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(kept_keys, [path] * 8))
    assert found == [found[0]] * 8
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Sealer(found[0])
