"""Configs: spellings, numbers, errors."""

from __future__ import annotations

import pytest

from flowray.errors import FlowrayError
from flowray.handlers.node_config import NodeConfig, config_of, number_of, parse_config, rename, text_of
from tests.fakes.services import node_input


class Sample(NodeConfig):
    max_items: int = 1


def test_parsing_reports_every_field() -> None:
    assert parse_config(Sample, {"maxItems": 3, "other": 1}, "sample").max_items == 3
    with pytest.raises(FlowrayError) as caught:
        parse_config(Sample, {"maxItems": "many"}, "sample")
    assert caught.value.details["errors"][0]["pointer"] == "/maxItems"
    assert "many" not in caught.value.message  # values may be secrets


def test_config_of_validates_once() -> None:
    node = node_input({"maxItems": 4})
    assert config_of(node, Sample).max_items == 4
    node.parsed = Sample(max_items=9)
    assert config_of(node, Sample).max_items == 9


def test_spellings_and_conversions() -> None:
    assert rename({"b": 1, "c": 2}, a=("b", "c")) == {"a": 1, "c": 2}
    assert rename({"a": 0, "b": 1}, a=("b",)) == {"a": 0, "b": 1}
    assert rename("text", a=("b",)) == "text"
    assert (text_of(None), text_of(True), text_of({"a": 1})) == ("", "true", '{"a":1}')
    assert (number_of("1e3"), number_of(True), number_of(" x"), number_of(2.5)) == (1000, None, None, 2.5)
