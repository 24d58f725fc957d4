"""The parts of the demo that need no Ray; the whole of it runs in tests/integration."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from flowray.cli.demo import REPORT, serve_model, serve_report
from flowray.cli.output import Output
from flowray.errors import ErrorCode, FlowrayError


def test_the_report_is_served_on_loopback() -> None:
    with serve_report() as url:
        assert httpx.get(f"{url}/report").json() == REPORT
        assert httpx.get(f"{url}/other").status_code == 404
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/report")


def test_without_the_model_the_fake_says_that_it_is_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], unused_tcp_port: int
) -> None:
    def missing(**_options: Any) -> None:
        raise FlowrayError(ErrorCode.MISSING_EXTRA, "no wheel for this platform")

    monkeypatch.setattr("flowray.handlers.providers.local_llm.start", missing)
    with serve_model(Output(), unused_tcp_port) as model:
        assert model.name == "fake-model"
        transport = httpx.HTTPTransport(retries=5)
        with httpx.Client(transport=transport) as client:
            assert client.get(f"{model.base_url}/models").json()["data"][0]["id"] == "fake-model"
    assert "no wheel for this platform" in capsys.readouterr().err


def test_another_failure_of_the_model_is_not_hidden(monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int) -> None:
    def taken(**_options: Any) -> None:
        raise FlowrayError(ErrorCode.CONFIGURATION, "the port is taken")

    monkeypatch.setattr("flowray.handlers.providers.local_llm.start", taken)
    with pytest.raises(FlowrayError, match="taken"), serve_model(Output(), unused_tcp_port):
        pass
