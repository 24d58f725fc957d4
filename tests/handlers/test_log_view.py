"""Shortened, masked views of values."""

from __future__ import annotations

from flowray.handlers.log_view import log_view, shortened


def test_small_values_stay_and_large_ones_become_an_envelope() -> None:
    assert shortened({"a": [1, None]}) == {"a": [1, None]}
    view = shortened({"a": "é" * 50}, limit_bytes=40)
    assert view == {"__truncated": True, "__originalSize": 108, "__preview": '{"a":"' + "é" * 50 + '"}'}


def test_masking_comes_before_shortening() -> None:
    view = log_view({"text": "s3cret" * 5_000}, ["s3cret"])
    assert view["__truncated"] is True
    assert view["__originalSize"] == 30_011
    assert "s3cret" not in view["__preview"]
    assert log_view({"password": "x" * 20_000})["__preview"] == '{"password":"***"}'


def test_only_the_beginning_of_a_large_value_is_looked_at() -> None:
    rows = [{"n": number, "token": "t0ken"} for number in range(5_000)]
    view = log_view(rows)
    assert view["__preview"].startswith('[{"n":0,"token":"***"},{"n":1,')
    assert "t0ken" not in view["__preview"]
    assert view["__originalSize"] > 100_000


def test_a_mask_that_is_longer_than_what_it_hides_counts() -> None:
    assert log_view({"token": 7}, limit_bytes=15) == {"token": "***"}
    envelope = {"__truncated": True, "__originalSize": 15, "__preview": '{"token":"***"}'}
    assert log_view({"token": 7}, limit_bytes=12) == envelope
