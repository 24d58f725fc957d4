"""``flowray version``."""

from __future__ import annotations

import flowray as package
from tests.cli.conftest import Command


def test_for_people_and_for_programs(flowray: Command) -> None:
    assert flowray("version").out == f"{package.__version__}\n"
    assert flowray("version", "-o", "json").data["version"] == package.__version__
