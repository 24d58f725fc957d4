"""What a person reads of a web page: the main part, its links, and nothing that acts."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.documents.formats.limits import ReadLimits
from flowray.handlers.documents.formats.page import MAX_LINKS, read_html

PAGE = b"""<!doctype html><html lang="en"><head><title> A   page </title>
<meta name="description" content="About it"><meta property="og:title" content="Other"><style>p {}</style></head>
<body><header>Brand</header><nav><a href="/home">Home</a></nav>
<article><h1>Heading</h1><p>One <b>bold</b> line,&nbsp;and   <a href="more.html#part">more</a>.</p>
<ul><li>first</li><li>second</li></ul><pre>a
b</pre><img src="x.png"><button>Buy</button></article>
<aside>Read also</aside><footer>Terms</footer><script>alert(1)</script></body></html>"""


def read(data: bytes, *, whole: bool = False, base: str = "http://h/a/", limits: ReadLimits | None = None) -> Any:
    return read_html(data, "", base, whole, limits or ReadLimits())


def test_the_main_part_as_text_and_markdown() -> None:
    found = read(PAGE)
    assert (found["title"], found["description"]) == ("A page", "About it")
    assert found["text"] == "Heading\nOne bold line, and more.\nfirst\nsecond\na\nb"
    assert found["markdown"].startswith("# Heading\n\nOne **bold** line")
    assert "- first" in found["markdown"].replace("* ", "- ")
    assert found["metadata"] == {"description": "About it", "og:title": "Other", "language": "en"}
    for unread in ("Brand", "Home", "Read also", "Terms", "alert", "Buy"):
        assert unread not in found["text"] + found["markdown"]


def test_the_whole_page_when_asked() -> None:
    text = read(PAGE, whole=True)["text"]
    assert all(part in text for part in ("Brand", "Home", "Heading", "Terms"))
    assert "alert" not in text


def test_a_main_part_with_next_to_nothing_is_not_believed() -> None:
    assert "Real text" in read(b"<main>x</main><div>" + b"Real text. " * 50 + b"</div>")["text"]
    assert read(b"<main>" + b"y" * 300 + b"</main><div>z</div>")["text"] == "y" * 300


def test_links_are_absolute_and_only_of_the_web() -> None:
    links = read(PAGE)["links"]
    assert links == [{"text": "Home", "url": "http://h/home"}, {"text": "more", "url": "http://h/a/more.html"}]
    odd = b'<a href="javascript:x()">a</a><a href="mailto:x@y">b</a><a href="http://[bad">c</a><a>d</a>'
    assert read(odd)["links"] == []
    many = b"".join(b'<a href="/%d">x</a>' % at for at in range(MAX_LINKS + 5))
    assert len(read(many)["links"]) == MAX_LINKS


def test_charsets() -> None:
    assert read_html("<p>é</p>".encode("latin-1"), "iso-8859-1", "", False, ReadLimits())["text"] == "é"
    assert read_html("<p>€</p>".encode(), "no-such", "", False, ReadLimits())["text"] == "€"


@pytest.mark.parametrize("data", [b"", b"<", b"<p", b"</p></p>", b"<title>", b"\0\xff"])
def test_odd_pages(data: bytes) -> None:
    assert isinstance(read(data)["text"], str)


def test_too_much_text() -> None:
    with pytest.raises(FlowrayError) as raised:
        read(b"<p>12345</p>", limits=ReadLimits(chars=4))
    assert raised.value.code == ErrorCode.FILE_LIMIT_EXCEEDED
