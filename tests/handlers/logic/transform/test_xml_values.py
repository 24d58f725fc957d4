"""XML as JSON, in xml2js's shape; bombs are refused."""

from __future__ import annotations

import pytest

from flowray.errors import FlowrayError
from flowray.handlers.logic.transform.xml_values import parse_xml


def test_attributes_lists_and_text() -> None:
    head = '<?xml version="1.0"?><feed xmlns:o="u">'
    text = head + '<entry id="1">one</entry><entry>two</entry><o:n/><e><d>x &amp; y</d></e></feed>'
    assert parse_xml(text) == {
        "feed": {"xmlns:o": "u", "entry": [{"id": "1", "_": "one"}, "two"], "o:n": "", "e": {"d": "x & y"}}
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (123, "parseXML requires string input"),
        ("<a>", "Invalid XML"),
        ('<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "entity declarations are not allowed"),
    ],
)
def test_refused(text: object, message: str) -> None:
    with pytest.raises(FlowrayError, match=message):
        parse_xml(text)
