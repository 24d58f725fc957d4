"""From start options to the column that says whom to tell what."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from flowray.api.starts.callback_options import callback_column
from flowray.engine.statuses import TERMINAL_EXECUTION
from flowray.errors import FlowrayError
from flowray.wire import StartOptions


def test_every_end_is_told_by_default() -> None:
    column = callback_column(StartOptions(callback_url="https://example.org/hook"))
    assert column == {"url": "https://example.org/hook", "events": sorted(TERMINAL_EXECUTION)}


def test_a_pause_is_told_if_it_is_asked_for() -> None:
    options = StartOptions(
        callback_url="http://x/", callback_events=["failed", "paused"], callback_secret="a secret of mine"
    )
    assert callback_column(options) == {
        "url": "http://x/",
        "events": ["failed", "paused"],
        "secret": "a secret of mine",
    }


def test_without_a_url_nobody_is_told() -> None:
    assert callback_column(StartOptions()) is None


@pytest.mark.parametrize("options", [{"callback_events": ["failed"]}, {"callback_secret": "a secret of mine"}])
def test_the_other_options_need_a_url(options: dict[str, object]) -> None:
    with pytest.raises(FlowrayError, match="needs a callback_url"):
        callback_column(StartOptions.model_validate(options))


@pytest.mark.parametrize(
    "url", ["example.org/hook", "ftp://example.org", "http://", "http://[half", "https://me:secret@example.org/"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(FlowrayError) as caught:
        callback_column(StartOptions(callback_url=url))
    assert caught.value.details["errors"][0]["pointer"] == "/options/callback_url"


def test_a_short_secret_and_an_unknown_event_are_refused() -> None:
    with pytest.raises(ValidationError):
        StartOptions(callback_url="http://x/", callback_secret="short")
    with pytest.raises(ValidationError):
        StartOptions.model_validate({"callback_url": "http://x/", "callback_events": ["started"]})
