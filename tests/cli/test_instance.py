"""What keeps a server from starting, said before anything is started. Whole servers: ``tests/integration``."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowray.cli import instance
from flowray.errors import ErrorCode, FlowrayError
from flowray.settings import Settings


def test_a_proxy_that_is_not_there_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(instance, "is_installed", lambda: False)
    said: list[str] = []
    with pytest.raises(FlowrayError, match="no HAProxy on this machine") as refused:
        instance.start_instance(Settings(state_dir=tmp_path / "state", proxy="haproxy"), said.append)
    assert refused.value.code is ErrorCode.CONFIGURATION
    assert "ray[serve]" in (refused.value.hint or "")
    assert (said, (tmp_path / "state").exists()) == ([], False)
