"""Times as they are written: intervals, cron expressions, zones."""

from __future__ import annotations

import pytest

from flowray.triggers.cron import check_cron, check_timezone, parse_every


@pytest.mark.parametrize(
    ("text", "ms"), [("90s", 90_000), ("1h30m", 5_400_000), ("1h 30m", 5_400_000), ("2d", 172_800_000), ("1500", 1_500)]
)
def test_intervals(text: str, ms: int) -> None:
    assert parse_every(text) == ms


@pytest.mark.parametrize("text", ["", "soon", "1.5h", "-5m", "5 minutes", "٣s"])
def test_what_is_no_interval(text: str) -> None:
    with pytest.raises(ValueError, match="is not an interval"):
        parse_every(text)


def test_cron_expressions() -> None:
    assert check_cron(" 0 9 * * 1-5 ") == "0 9 * * 1-5"
    assert check_cron("@daily") == "0 0 * * *"
    assert check_cron("*/10 * * * * *") == "*/10 * * * * *"
    for text in ("", "61 * * * *", "* * *", "every day", "@never", "0 0 31 2 *"):
        with pytest.raises(ValueError, match="is not a cron expression"):
            check_cron(text)


def test_zones() -> None:
    assert check_timezone("America/New_York") == "America/New_York"
    for name in ("Mars/Base", "", "../etc/passwd", "/etc/localtime"):
        with pytest.raises(ValueError, match="there is no time zone"):
            check_timezone(name)
