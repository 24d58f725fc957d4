"""Every real workflow of tiers A, B and C runs on Ray, every node for real: the model is the fake one, HTTP servers and
databases are local, integrations are answered from recorded replies.
"""

from __future__ import annotations

import pytest

from flowray.errors import ErrorCode
from flowray.runtime.on_ray.session import RaySession
from tests.acceptance.real_results import play, settings
from tests.acceptance.real_workflows import TABLE, Summary, kept, real_workflows
from tests.cluster import hosted
from tests.corpus import needs_corpus
from tests.fakes.anything import create_anything
from tests.fakes.loopback import loopback_server

pytestmark = [pytest.mark.ray, pytest.mark.corpus, needs_corpus, pytest.mark.timeout(900)]

FILES = 350


@pytest.fixture(scope="module")
def found(ray_cluster: RaySession, llm: str) -> dict[str, Summary]:
    """All of them, run once, many at a time."""
    with (
        loopback_server(create_anything()) as world,
        settings() as given,
        hosted(ray_cluster, llm, **given) as server,
    ):
        return play(server, llm, list(real_workflows(world)))


def test_every_file_is_run(found: dict[str, Summary]) -> None:
    assert len(found) == FILES


def test_each_becomes_what_the_page_says(found: dict[str, Summary]) -> None:
    """docs/conformance.md is made of the kept results: ``python -m tests.acceptance.real_results`` writes them anew."""
    assert found.keys() == kept().keys()
    differing = {file: (kept()[file], one) for file, one in found.items() if one != kept()[file]}
    assert differing == {}


def test_each_completes_but_those_that_cannot() -> None:
    """What ends otherwise stands in the table with its reason."""
    others = {file for file, one in kept().items() if one["status"] != "completed"}
    assert others == {file for file, added in TABLE.items() if "cannot" in added}


def test_no_node_ran_on_the_fallback(found: dict[str, Summary]) -> None:
    codes = {code for one in found.values() for code in one["failed"].values()}
    assert ErrorCode.UNKNOWN_NODE_TYPE not in codes
