"""Names of actors: an instance's own namespace, and the build in every pooled name (R41)."""

from __future__ import annotations

import re

from flowray.runtime.on_ray import names


def test_two_instances_share_no_namespace() -> None:
    assert names.namespace("a") != names.namespace("b")


def test_pooled_names_carry_the_build_and_dedicated_ones_the_execution() -> None:
    build = names.build_hash()
    assert re.fullmatch(r"[0-9a-f]{10}", build)
    pooled = [names.hub_name(build), names.orchestrator_name(build, 0), names.lane_name(build, 1)]
    assert pooled == [f"hub-{build}", f"orchestrator-0-{build}", f"io-lane-1-{build}"]
    assert names.dedicated_name("e1") == "execution-e1"


def test_the_build_is_the_same_for_the_same_source() -> None:
    first = names.build_hash()
    names.build_hash.cache_clear()
    assert names.build_hash() == first
