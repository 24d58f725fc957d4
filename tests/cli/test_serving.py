"""``flowray serve``: what the watchdog gives to each start of the server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.cli.conftest import Command


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    starts: list[list[str]] = []

    def watch(arguments: Sequence[str], report: Callable[[str], None]) -> int:
        starts.append(list(arguments))
        return len(starts) - 1

    monkeypatch.setattr("flowray.cli.serving.watch", watch)
    return starts


def test_every_start_listens_where_the_first_one_did(
    flowray: Command, watched: list[list[str]], tmp_path: Path
) -> None:
    assert flowray("serve", "--port", "0", "--state-dir", tmp_path, "--no-dashboard", "-o", "json").code == 0
    (options,) = watched
    port = options.pop(options.index("--port") + 1)
    assert 20_000 <= int(port) < 32_000
    assert options == [
        "--host", "127.0.0.1", "--port", "--state-dir", str(tmp_path), "--no-dashboard", "-o", "json",
    ]  # fmt: skip
    answer = flowray("serve", "--database", "sqlite:///x.db", "--ray-address", "10.0.0.1:6379")
    assert answer.code == 1  # As the watchdog ends.
    assert watched[1][watched[1].index("--database") :] == [
        "--database", "sqlite:///x.db", "--ray-address", "10.0.0.1:6379", "--dashboard",
    ]  # fmt: skip
