"""Public tokens are for one execution, for a while."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from flowray.api.tokens import PublicTokens
from flowray.errors import ErrorCode, FlowrayError

SECRET = "a secret of the tests"


def refusal(tokens: PublicTokens, token: str, execution_id: str = "e1") -> ErrorCode:
    with pytest.raises(FlowrayError) as caught:
        tokens.check(token, execution_id)
    return caught.value.code


def test_a_token_opens_its_execution_and_no_other() -> None:
    tokens = PublicTokens(SECRET)
    token = tokens.issue("e1")
    tokens.check(token, "e1")
    assert refusal(tokens, token, "e2") is ErrorCode.FORBIDDEN


def test_servers_with_the_same_secret_know_each_others_tokens() -> None:
    PublicTokens(SECRET).check(PublicTokens(SECRET).issue("e1"), "e1")
    assert (
        refusal(PublicTokens("another secret, just as long"), PublicTokens(SECRET).issue("e1"))
        is ErrorCode.UNAUTHORIZED
    )


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "\x00", "é" * 50])
def test_what_is_no_token(token: str) -> None:
    assert refusal(PublicTokens(SECRET), token) is ErrorCode.UNAUTHORIZED


def test_a_token_ends() -> None:
    expired = PublicTokens(SECRET, lifetime_s=-1)
    with pytest.raises(FlowrayError, match="expired") as caught:
        expired.check(expired.issue("e1"), "e1")
    assert caught.value.code is ErrorCode.UNAUTHORIZED
    assert caught.value.hint is not None
    left = PublicTokens(SECRET).expires_at() - datetime.now(UTC)
    assert timedelta(hours=23, minutes=59) < left <= timedelta(hours=24)


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(FlowrayError) as caught:
        PublicTokens("short")
    assert caught.value.code is ErrorCode.CONFIGURATION
