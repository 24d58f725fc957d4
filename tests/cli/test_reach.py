"""What one machine keeps is refused where there are several (R34)."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowray.cli.reach import check_reach
from flowray.errors import ErrorCode, FlowrayError
from flowray.settings import Settings

POSTGRESQL = "postgresql+psycopg://u@h/db"


def test_one_machine_reaches_everything() -> None:
    assert check_reach(Settings(), ["a"]) == []
    assert check_reach(Settings(payload_url="file:///srv"), []) == []


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (Settings(), "SQLite serves one machine, and this Ray has 2"),
        (Settings(database_url=POSTGRESQL, payload_url="file:///srv"), "file:///srv"),
        (Settings(database_url=POSTGRESQL, payload_url="memory://"), "memory://"),
    ],
)
def test_r34_several_machines_and_something_local_are_refused(settings: Settings, text: str) -> None:
    with pytest.raises(FlowrayError) as caught:
        check_reach(settings, {"a", "b"})
    assert (caught.value.code, text in caught.value.message) == (ErrorCode.CONFIGURATION, True)
    assert "FLOWRAY_" in (caught.value.hint or "")


def test_several_machines_with_what_all_of_them_reach() -> None:
    assert check_reach(Settings(database_url=POSTGRESQL, payload_url="s3://bucket"), {"a", "b"}) == []
    assert check_reach(Settings(database_url=POSTGRESQL, workspace_dir=Path("/shared")), {"a", "b"}) == []


def test_files_that_stay_on_one_machine_are_a_warning() -> None:
    (warning,) = check_reach(Settings(database_url=POSTGRESQL), {"a", "b"})
    assert "FLOWRAY_WORKSPACE_DIR" in warning
