"""serve_config.yaml holds no key that Ray would silently ignore, and points at what exists."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel
from ray.serve.schema import ServeDeploySchema

from flowray.api.deployment import MAX_ONGOING_REQUESTS
from flowray.settings import Settings
from tests.rules.source import ROOT


@pytest.fixture
def config() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "serve_config.yaml").read_text(encoding="utf-8"))
    return loaded


def unknown_keys(model: type[BaseModel], data: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Keys of ``data`` that ``model`` does not declare, at any depth of models."""
    for key, value in data.items():
        field = model.model_fields.get(key)
        if field is None:
            yield f"{path}{key}"
            continue
        for inner in _models(field.annotation):
            for index, item in enumerate(value if isinstance(value, list) else [value]):
                if isinstance(item, Mapping):
                    yield from unknown_keys(inner, item, f"{path}{key}[{index}].")


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models(argument)]


def test_ray_accepts_it(config: dict[str, Any]) -> None:
    ServeDeploySchema.model_validate(config)


def test_every_key_is_known_to_ray(config: dict[str, Any]) -> None:
    assert list(unknown_keys(ServeDeploySchema, config)) == []


def test_the_check_finds_slips_at_every_depth(config: dict[str, Any]) -> None:
    config["proxy_loaction"] = "EveryNode"
    config["applications"][0]["deployments"][0]["max_ongoing_reqs"] = 1
    found = list(unknown_keys(ServeDeploySchema, config))
    assert found == ["applications[0].deployments[0].max_ongoing_reqs", "proxy_loaction"]


def test_the_application_and_its_settings_exist(config: dict[str, Any]) -> None:
    (application,) = config["applications"]
    module, _, function = application["import_path"].partition(":")
    tree = ast.parse((ROOT / f"{module}.py").read_text(encoding="utf-8"))
    assert function in [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert set(application["args"]) <= set(Settings.model_fields)
    Settings(**application["args"])


def test_streams_are_not_cut_and_not_blocked(config: dict[str, Any]) -> None:
    assert "request_timeout_s" not in config["http_options"]
    (deployment,) = config["applications"][0]["deployments"]
    assert deployment["max_ongoing_requests"] == MAX_ONGOING_REQUESTS
