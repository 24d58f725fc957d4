"""Every example of a node type runs in this process, against real servers, and gives what its page says."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowray import Execution, LocalSession, Workflow
from flowray.settings import Settings
from tests.node_examples.example import FOLDER, Example, load_example, misfit
from tests.node_examples.servers import Servers
from tests.rules.node_pages import handlers

NO_EXAMPLE: dict[str, str] = {}
"""Types without an example, and why. It only ever gets shorter."""

PATIENCE_S = 60

NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    started = Servers()
    yield started
    started.close()


@pytest.fixture(scope="module")
def session(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSession]:
    settings = Settings(
        state_dir=tmp_path_factory.mktemp("examples"), llm_base_url=servers.llm_url, llm_default_model="fake-model"
    )
    with LocalSession(settings) as opened:
        yield opened


def _example(name: str) -> Example:
    example = load_example(name)
    assert example is not None
    return example


def _absent(example: Example) -> str | None:
    """What this machine lacks of that without which the example cannot run."""
    for thing in example.unless:
        kind, _, name = thing.partition(":")
        found = shutil.which(name) if kind == "program" else importlib.util.find_spec(name)
        if found is None:
            return f"{name} is not installed"
    return None


def _wait_for_the_end(session: LocalSession, execution: Execution) -> None:
    """Also of one that is paused for a moment. A batch without events says that a second has passed."""
    silence = 0
    for batch in session.events(execution.id):
        silence = 0 if batch else silence + 1
        assert silence < PATIENCE_S, f"{execution.status} and silent for {silence} s"


@pytest.mark.parametrize("name", NAMES)
def test_an_example_gives_what_its_page_says(name: str, servers: Servers, session: LocalSession) -> None:
    example = _example(name)
    absent = _absent(example)
    if absent is not None:
        pytest.skip(absent)
    addresses = {key: value for need in example.needs for key, value in servers.addresses(need).items()}
    execution = Workflow.load(example.definition).start({**example.inputs, **addresses}, session=session)
    _wait_for_the_end(session, execution)
    assert execution.status == "completed", execution.error
    if example.outputs is not None:
        assert execution.outputs == example.outputs
    if example.contains is not None:
        assert misfit(example.contains, execution.outputs) is None


@pytest.mark.parametrize("name", NAMES)
def test_an_example_uses_the_type_that_it_is_of(name: str) -> None:
    assert name in handlers(), "an example is named after its type"
    assert _example(name).uses({name}), "the canonical name is the one to show"


def test_every_type_has_an_example_or_a_reason() -> None:
    assert set(handlers()) - set(NAMES) == set(NO_EXAMPLE)


@pytest.mark.parametrize(
    ("expected", "actual", "where"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, None),
        ({"a": {"b": [1]}}, {"a": {"b": [1, 2]}}, "outputs.a.b"),
        ({"a": 1}, {"b": 1}, "outputs.a is missing"),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, "outputs.a[0].b"),
        ({"a": 1}, {"a": True}, "outputs.a"),
    ],
)
def test_a_misfit_is_found_and_says_where(expected: object, actual: object, where: str | None) -> None:
    found = misfit(expected, actual)
    assert found is None if where is None else found is not None and found.startswith(where)


def test_an_example_lies_where_pages_look(tmp_path: Path) -> None:
    assert FOLDER.is_dir()
    assert load_example("no-such-type") is None
