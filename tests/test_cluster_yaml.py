"""cluster.yaml passes Ray's own checks, offline, and names modules, files and commands that exist."""

from __future__ import annotations

import importlib.util
import re
from typing import Any

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from flowray.runtime.on_ray.session import ENVIRONMENT
from tests.rules.source import ROOT


@pytest.fixture
def config() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "cluster.yaml").read_text(encoding="utf-8"))
    return loaded


def test_ray_accepts_it(config: dict[str, Any]) -> None:
    validate_config(prepare_config(config))


def test_ray_would_refuse_a_slip(config: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="max_wokers"):
        validate_config(prepare_config({**config, "max_wokers": 2}))


def test_it_has_no_more_workers_than_machines(config: dict[str, Any]) -> None:
    assert config["max_workers"] == len(config["provider"]["worker_ips"])


def test_the_modules_that_it_preloads_exist(config: dict[str, Any]) -> None:
    commands = "\n".join([*config["head_start_ray_commands"], *config["worker_start_ray_commands"]])
    preloaded = set(re.findall(r"RAY_preload_python_modules=(\S+)", commands))
    assert preloaded == {ENVIRONMENT["RAY_preload_python_modules"]}
    assert all(importlib.util.find_spec(name) for name in preloaded)


def test_the_head_has_the_environment_of_a_local_start(config: dict[str, Any]) -> None:
    head = "\n".join(config["head_start_ray_commands"])
    for name in ("RAY_metric_cardinality_level", "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S", "RAY_USAGE_STATS_ENABLED"):
        assert f"{name}={ENVIRONMENT[name]}" in head


def test_replicas_run_on_one_loop_wherever_they_are(config: dict[str, Any]) -> None:
    name = "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD"
    for commands in (config["head_start_ray_commands"], config["worker_start_ray_commands"]):
        assert f"{name}={ENVIRONMENT[name]}" in "\n".join(commands)


def test_the_dashboard_listens_on_loopback_and_ray_wants_a_token(config: dict[str, Any]) -> None:
    assert "--dashboard-host=127.0.0.1" in "\n".join(config["head_start_ray_commands"])
    for commands in (config["head_start_ray_commands"], config["worker_start_ray_commands"]):
        assert "RAY_AUTH_MODE=token" in "\n".join(commands)
