"""The templateOutput node beyond what the recorded vectors show."""

from __future__ import annotations

import pytest

from flowray.errors import ErrorCode
from tests.handlers.running import fail, output, succeed


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"template": "# {{name}}", "outputFormat": "html"}, "<h1>Ann</h1>\n"),
        ({"template": "a <b>{{name}}</b>", "outputFormat": "html"}, "<p>a &lt;b&gt;Ann&lt;/b&gt;</p>\n"),
        ({"template": "a <b>x</b>", "outputFormat": "html", "allowHtml": True}, "<p>a <b>x</b></p>\n"),
        ({"template": "<b>{{name}}</b>", "templateType": "html", "outputFormat": "html"}, "<b>Ann</b>"),
        ({"template": "|a|\n|-|\n|1|", "format": "html"}, None),
        ({"template": "Hi {{name}}"}, "Hi Ann"),
        ({"template": {"to": "{{name}}", "n": 1}}, {"to": "Ann", "n": 1}),
        ({"template": "{{text}}", "templateType": "handlebars", "variables": {"who": "{{name}}"}}, "Dear Ann"),
    ],
)
async def test_text(config: dict[str, object], text: object) -> None:
    found = await output(
        "templateOutput", {"outputName": "x", **config}, inputs={"name": "Ann", "text": "Dear {{who}}"}
    )
    if text is None:
        assert found["x"].startswith("<table>")
    else:
        assert found == {"x": text}


async def test_names_that_nothing_provides_are_warned_of() -> None:
    done = await succeed("templateOutput", {"outputVariable": "x", "template": "{{t}}", "variables": {"a": 1}},
                         inputs={"t": "{{a}} {{b}}"})  # fmt: skip
    assert done.output == {"x": "1 {{b}}"}


async def test_html_of_a_book_is_refused() -> None:
    config = {"outputName": "x", "template": "{{t}}", "outputFormat": "html"}
    error = await fail("templateOutput", config, inputs={"t": "a" * 1_000_001})
    assert error.code == ErrorCode.FILE_LIMIT_EXCEEDED
    assert (await fail("templateOutput", {"outputName": "x"})).code == ErrorCode.INVALID_NODE_CONFIG
