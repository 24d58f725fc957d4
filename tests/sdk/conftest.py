"""One in-process session for all tests of the Python front door; its sandbox process is started once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flowray.sdk.session import LocalSession
from flowray.settings import Settings


@pytest.fixture(scope="session")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSession]:
    folder: Path = tmp_path_factory.mktemp("sdk")
    with LocalSession(Settings(state_dir=folder)) as opened:
        yield opened
