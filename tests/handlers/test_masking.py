"""Masking by key, by value, by form."""

from __future__ import annotations

import pytest

from flowray.handlers.masking import (
    MASK,
    hidden_values,
    is_sensitive_name,
    mask,
    mask_text,
    secret_values,
    without_values,
)


@pytest.mark.parametrize(
    "name", ["Authorization", "api_key", "X-API-Key", "accessToken", "client_secret", "PASSWORD", "db-password"]
)
def test_sensitive_names(name: str) -> None:
    assert is_sensitive_name(name)


@pytest.mark.parametrize("name", ["maxTokens", "totalTokens", "author", "key", "passwordless", "secretary"])
def test_harmless_names(name: str) -> None:
    assert not is_sensitive_name(name)


def test_structures_are_masked_at_any_depth_and_the_original_is_untouched() -> None:
    value = {
        "headers": [{"key": "Authorization", "value": "Bearer x"}, {"key": "Accept", "value": "*/*"}],
        "auth": {"user": "u"}, "password": "", "list": ["has hunter22 inside", 5, None], "usage": {"promptTokens": 3},
    }  # fmt: skip
    masked = mask(value, ["hunter22"])
    assert masked == {
        "headers": [{"key": "Authorization", "value": "***"}, {"key": "Accept", "value": "*/*"}],
        "auth": "***", "password": "", "list": ["has *** inside", 5, None], "usage": {"promptTokens": 3},
    }  # fmt: skip
    assert value["list"][0] == "has hunter22 inside"  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Authorization: Bearer abcdef123", "Authorization: Bearer ***"),
        ("postgres://me:pa55@db/x", "postgres://me:***@db/x"),
        ("https://h/?a=1&api_key=zzz&b=2", "https://h/?a=1&api_key=***&b=2"),
        ("key sk-proj-ABCDEF123456 used", "key sk-*** used"),
        ("a basic explanation", "a basic explanation"),
    ],
)
def test_forms_in_text(text: str, masked: str) -> None:
    assert mask_text(text) == masked


def test_secret_values_are_the_long_ones_longest_first() -> None:
    found = secret_values({"A": "abcd", "B": "abcdef", "C": "ab"}, {"HOME": "/home/x", "MY_TOKEN": "tttt"})
    assert found[0] == "abcdef"
    assert set(found) == {"abcd", "abcdef", "tttt"}


def test_values_are_taken_out_of_a_copy_and_nothing_else_is() -> None:
    value = {"token": "abcd1234", "list": ["x abcd1234 y", 5, None], "password": "short"}
    assert without_values(value, ["abcd1234", "abc", ""]) == {
        "token": MASK, "list": [f"x {MASK} y", 5, None], "password": "short",
    }  # fmt: skip
    assert without_values(value, []) is value


def test_hidden_values_are_long_enough_and_the_longest_is_first() -> None:
    assert hidden_values(["abcd", "abcdef", "abc", "abcd"]) == ("abcdef", "abcd")
