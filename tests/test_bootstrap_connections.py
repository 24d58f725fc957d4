"""What seals connections, made of settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowray.bootstrap_connections import KEY_VARIABLE, open_outside, open_sealer
from flowray.errors import FlowrayError
from flowray.handlers.providers.aiohttp_transport import AiohttpTransport
from flowray.persistence.connections.sealing import Sealer, new_key
from tests.test_bootstrap import settings_in


def test_keys_come_from_the_environment_else_a_file_else_one_is_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    made = open_sealer(settings_in(tmp_path)).seal("w", "n", {"a": "b"})
    assert open_sealer(settings_in(tmp_path)).open("w", "n", made) == {"a": "b"}
    file, key = tmp_path / "keys", new_key()
    file.write_text(f"{key}\n{new_key()}\n")
    filed = open_sealer(settings_in(tmp_path, encryption_key_file=file)).seal("w", "n", {"a": "c"})
    assert Sealer([key]).open("w", "n", filed) == {"a": "c"}
    monkeypatch.setenv(KEY_VARIABLE, f"{new_key()},{key}")
    given = open_sealer(settings_in(tmp_path, encryption_key_file=file))
    assert given.open("w", "n", filed) == {"a": "c"}
    with pytest.raises(FlowrayError):
        given.open("w", "n", made)


def test_the_api_reaches_what_nodes_reach(tmp_path: Path) -> None:
    http, integrations = open_outside(settings_in(tmp_path))
    assert isinstance(http, AiohttpTransport)
    assert integrations.needs_connections
