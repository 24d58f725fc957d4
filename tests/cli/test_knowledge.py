"""flowray knowledge against a server on loopback, with vectors of the fake OpenAI server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flowray.handlers.providers.fake_openai import create_fake_openai
from tests.cli.conftest import Command
from tests.fakes.loopback import loopback_server

pytestmark = pytest.mark.usefixtures("fake_llm", "server_url")


@pytest.fixture
def fake_llm(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Asked for before the server, which reads it from the environment."""
    with loopback_server(create_fake_openai()) as url:
        monkeypatch.setenv("FLOWRAY_LLM_BASE_URL", f"{url}/v1")
        yield


def test_a_base_is_made_filled_asked_and_deleted(flowray: Command, tmp_path: Path) -> None:
    lamp, chair = tmp_path / "lamp.md", tmp_path / "chair.md"
    lamp.write_text("The lamp is red.")
    chair.write_text("A chair of oak.")
    made = flowray("knowledge", "create", "shop", "--name", "Shop", "-o", "json").data
    assert (made["id"], made["name"]) == ("shop", "Shop")
    done = flowray("knowledge", "ingest", "shop", lamp, chair, "-o", "json")
    assert done.code == 0, done.err
    assert [row["id"] for row in flowray("knowledge", "list", "-o", "json").data] == ["shop"]
    (found,) = flowray("knowledge", "query", "shop", "which red lamp", "--top-k", "1", "-o", "json").data
    assert (found["document_name"], found["content"]) == ("lamp.md", "The lamp is red.")
    assert flowray("knowledge", "delete", "shop", "-o", "json").data == {"deleted": "shop"}
    assert flowray("knowledge", "query", "shop", "x", "-o", "json").error["code"] == "NOT_FOUND"
