"""Which server ``flowray llm serve`` starts."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.providers.local_llm import LocalModelServer
from tests.cli.conftest import Command


def test_the_fake_server(flowray: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[Any, ...]] = []
    monkeypatch.setattr("flowray.handlers.providers.fake_openai.serve", lambda *args: started.append(args))
    outcome = flowray("llm", "serve", "--fake", "--port", "9123")
    assert (outcome.code, started) == (0, [("127.0.0.1", 9123)])
    assert "http://127.0.0.1:9123/v1" in outcome.err


def test_the_model_stops_with_ctrl_c(flowray: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        def wait(self) -> None:
            raise KeyboardInterrupt

    server = LocalModelServer("http://127.0.0.1:9123/v1", "tiny", object())
    monkeypatch.setattr("flowray.handlers.providers.local_llm.start", lambda _host, _port: server)
    monkeypatch.setattr("flowray.cli.llm.threading.Event", Interrupted)
    outcome = flowray("llm", "serve")
    assert outcome.code == 130
    assert "model 'tiny' at http://127.0.0.1:9123/v1" in outcome.err
    assert server._server is None


def test_without_the_extra_it_says_what_to_install(flowray: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_host: str, _port: int) -> None:
        raise FlowrayError(ErrorCode.MISSING_EXTRA, "not installed", hint="install flowray[local-llm]")

    monkeypatch.setattr("flowray.handlers.providers.local_llm.start", missing)
    outcome = flowray("llm", "serve")
    assert outcome.code == 1
    assert "hint: install flowray[local-llm]" in outcome.err
