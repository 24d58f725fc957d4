"""The template package of ``examples/custom_node``: found by its entry point, its types run, its own tests hold."""

from __future__ import annotations

import importlib.util
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from flowray import LocalSession, run
from flowray.handlers.registry import PLUGIN_GROUP
from flowray.settings import Settings
from tests.fakes.loopback import loopback_server
from tests.rules.source import ROOT

PACKAGE = ROOT / "examples" / "custom_node"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package on the path, with the metadata that an installer writes of its pyproject."""
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    metadata = tmp_path / f"my_nodes-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    entries = project["entry-points"][PLUGIN_GROUP].items()
    (metadata / "entry_points.txt").write_text(
        f"[{PLUGIN_GROUP}]\n" + "\n".join(f"{key} = {to}" for key, to in entries)
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(PACKAGE))
    yield
    sys.modules.pop("my_nodes", None)


async def _rate(request: Request) -> Response:
    return JSONResponse({"rate": 1.25})


def test_an_installed_package_adds_its_types(installed: None, tmp_path: Path) -> None:
    definition = {
        "entryPoint": "start",
        "nodes": {
            "start": {"type": "input", "config": {}},
            "address": {"type": "slug", "config": {"text": "{{start.title}}"}},
            "price": {"type": "exchange", "config": {"amount": "{{start.price}}", "rateUrl": "{{start.url}}/rate"}},
            "told": {"type": "tell", "config": {"items": ["{{address}}", "x", "y"]}},
            "pi": {"type": "simulate", "config": {"rounds": 1000}},
        },
        "edges": [
            {"source": "start", "target": "address"}, {"source": "start", "target": "price"},
            {"source": "address", "target": "told"}, {"source": "start", "target": "pi"},
        ],
    }  # fmt: skip
    with LocalSession(Settings(state_dir=tmp_path / "state")) as session:
        assert {"slug", "exchange", "tell", "simulate"} <= session.node_types.keys()
        with loopback_server(Starlette(routes=[Route("/rate", _rate)])) as url:
            given = {"title": "Hello, World", "price": 8, "url": url}
            outputs = run(definition, given, session=session, live=False).result()
    assert outputs["price"] == {"amount": 10.0, "rate": 1.25}
    assert outputs["told"] == "hello-world, x and y"
    assert 3 < outputs["pi"]["pi"] < 3.3


def test_its_own_tests_hold(installed: None) -> None:
    file = PACKAGE / "tests" / "test_my_nodes.py"
    spec = importlib.util.spec_from_file_location("test_my_nodes", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tests = [value for name, value in vars(module).items() if name.startswith("test_")]
    assert len(tests) == 3
    for test in tests:
        test()
