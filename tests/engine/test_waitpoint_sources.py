"""What may answer a waitpoint besides its own token."""

from __future__ import annotations

import pytest

from flowray.engine.waitpoint_sources import hash_in, is_shared, name_in, of_event, of_name, of_token, token_hash


def test_r30_a_source_never_holds_a_token() -> None:
    assert of_token("wp_secret") == f"token:{token_hash('wp_secret')}"
    assert "wp_secret" not in of_token("wp_secret")
    assert len(token_hash("wp_secret")) == 64


@pytest.mark.parametrize(
    ("source", "shared", "hash_of", "name"),
    [
        (of_token("t"), True, token_hash("t"), None),
        (of_name("token:x"), True, None, "token:x"),
        (of_event("paid"), False, None, None),
        (None, False, None, None),
    ],
)
def test_sources_are_told_apart(source: str | None, shared: bool, hash_of: str | None, name: str | None) -> None:
    assert is_shared(source) is shared
    if source is not None:
        assert (hash_in(source), name_in(source)) == (hash_of, name)
