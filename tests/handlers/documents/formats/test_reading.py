"""Real documents of every kind are read; damaged and malicious ones end in clear errors."""

from __future__ import annotations

import zlib
from datetime import date, datetime, time, timedelta

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.documents.formats.limits import ReadLimits
from flowray.handlers.documents.formats.reading import KINDS, ReadOptions, read_document
from tests.fakes.made_documents import docx_of, pdf_of, xlsx_of, zip_bomb

ALL = ReadOptions()


def read(kind: str, data: bytes, options: ReadOptions = ALL) -> dict[str, object]:
    found = read_document(kind, data, options)
    assert found["format"] == kind
    return found


def code_of(kind: str, data: bytes, options: ReadOptions = ALL) -> str:
    with pytest.raises(FlowrayError) as raised:
        read_document(kind, data, options)
    return str(raised.value.code)


def few(**limits: int) -> ReadOptions:
    return ReadOptions(limits=ReadLimits(**limits))


def test_text_in_every_encoding() -> None:
    assert read("txt", "a é".encode())["text"] == "a é"
    assert read("md", "# é".encode("utf-16"))["text"] == "# é"
    assert read("txt", "é".encode("utf-8-sig"))["text"] == "é"
    assert read("txt", "Preis 5€ für".encode("cp1252"))["text"] == "Preis 5€ für"
    assert read("json", b'{"a": [1, "x"]}')["data"] == {"a": [1, "x"]}
    assert code_of("json", b"{") == ErrorCode.UNSUPPORTED_FORMAT
    assert code_of("txt", b"12345", few(chars=4)) == ErrorCode.FILE_LIMIT_EXCEEDED


def test_a_pdf_by_pages() -> None:
    data = pdf_of("Invoice 123", "Amount: $10.00", "End", title="Bill")
    found = read("pdf", data)
    assert (found["text"], found["pageCount"]) == ("Invoice 123\n\nAmount: $10.00\n\nEnd", 3)
    assert found["metadata"]["title"] == "Bill"  # type: ignore[index]
    assert read("pdf", data, ReadOptions(pages=[3, 1]))["text"] == "End\n\nInvoice 123"
    assert read("pdf", data, ReadOptions(pages=(2, None)))["text"] == "Amount: $10.00\n\nEnd"
    assert read("pdf", data, ReadOptions(with_text=False))["pages"] == []
    for pages in ([4], [0], (4, None), (3, 2)):
        assert code_of("pdf", data, ReadOptions(pages=pages)) == ErrorCode.INVALID_NODE_CONFIG
    assert code_of("pdf", data, few(pages=2)) == ErrorCode.FILE_LIMIT_EXCEEDED
    assert code_of("pdf", data, few(chars=15)) == ErrorCode.FILE_LIMIT_EXCEEDED


def test_an_encrypted_pdf_needs_its_password() -> None:
    from fpdf import FPDF  # noqa: PLC0415

    made = FPDF()
    made.set_encryption("owner", "sesame")
    made.add_page()
    made.set_font("helvetica", size=12)
    made.cell(text="secret")
    data = bytes(made.output())
    assert read("pdf", data, ReadOptions(password="sesame"))["text"] == "secret"
    assert code_of("pdf", data) == code_of("pdf", data, ReadOptions(password="x")) == ErrorCode.UNSUPPORTED_FORMAT


def test_a_pdf_bomb_ends_at_a_limit() -> None:
    """A page whose content unpacks to 600 MB."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b" " * 1024 * 1024) for _ in range(600)) + packer.flush()
    plain = pdf_of("x")
    at = plain.index(b"stream\n", plain.index(b"/FlateDecode")) + len(b"stream\n")
    end = plain.index(b"\nendstream", at)
    length = str(end - at).encode()
    bomb = plain[:at].replace(b"/Length " + length, b"/Length " + str(len(packed)).encode()) + packed + plain[end:]
    assert code_of("pdf", bomb) == ErrorCode.FILE_LIMIT_EXCEEDED


def test_a_word_document_in_its_order() -> None:
    found = read("docx", docx_of("Service Contract", "Between us.", table=[["a", "b|c"], ["1", "2"]]))
    assert found["text"] == "Service Contract\nBetween us.\na\tb|c\n1\t2"
    assert found["markdown"] == "# Service Contract\n\nBetween us.\n\n| a | b\\|c |\n| --- | --- |\n| 1 | 2 |"
    assert found["tables"] == [[["a", "b|c"], ["1", "2"]]]


def test_a_spreadsheet_has_values_and_records() -> None:
    rows = (["name", "name", None, "when", "at", "long"],
            ["Ann", 1.5, True, date(2025, 1, 2), datetime(2025, 1, 2, 3, 4), timedelta(hours=1)], [],
            ["Bob", None, None, time(5, 6)])  # fmt: skip
    found = read("xlsx", xlsx_of(*rows, sheet="People"))
    assert found["columns"] == ["name", "name_2", "column3", "when", "at", "long"]
    records = found["records"]
    assert isinstance(records, list)
    assert records[0] == {"name": "Ann", "name_2": 1.5, "column3": True, "when": "2025-01-02",
                          "at": "2025-01-02T03:04:00", "long": records[0]["long"]}  # fmt: skip
    assert (len(records), records[1]["name"], records[1]["when"]) == (2, "Bob", "05:06:00")
    assert found["metadata"] == {"sheetNames": ["People"]}
    assert code_of("xlsx", xlsx_of(*([1, 2, 3] for _ in range(4))), few(cells=11)) == ErrorCode.FILE_LIMIT_EXCEEDED


def test_csv_with_its_own_delimiter() -> None:
    assert read("csv", b'a;b\n1;"x;y"\n\n2;z\n')["records"] == [{"a": "1", "b": "x;y"}, {"a": "2", "b": "z"}]
    assert read("csv", b"a,b\n1\n")["records"] == [{"a": "1", "b": None}]
    assert read("csv", b"a|b\n1|2\n", ReadOptions(delimiter="|"))["rowCount"] == 1
    assert read("csv", b"")["rows"] == []
    assert code_of("csv", b"a,b\n" * 10, few(cells=5)) == ErrorCode.FILE_LIMIT_EXCEEDED
    assert code_of("csv", b'"' + b"x" * 200_000 + b'"') == ErrorCode.UNSUPPORTED_FORMAT


def test_html_as_a_document_is_read_whole() -> None:
    found = read("html", b"<title>T</title><nav>Menu</nav><h1>Hi <b>you</b></h1><p>a<br>b</p><script>x()</script>")
    assert (found["title"], found["text"]) == ("T", "Menu\nHi you\na\nb")
    assert found["markdown"] == "Menu\n\n# Hi **you**\n\na  \nb"


@pytest.mark.parametrize("kind", ["pdf", "docx", "xlsx"])
@pytest.mark.parametrize("data", [b"", b"\0garbage\xff", b"%PDF-1.7\n%%EOF", b"PK\x03\x04broken"])
def test_what_is_something_else_is_named(kind: str, data: bytes) -> None:
    assert code_of(kind, data) == ErrorCode.UNSUPPORTED_FORMAT


@pytest.mark.parametrize(("kind", "name"), [("docx", "word/document.xml"), ("xlsx", "xl/workbook.xml")])
def test_a_zip_bomb_is_noticed_before_it_is_unpacked(kind: str, name: str) -> None:
    data = zip_bomb(name)
    assert len(data) < 1024 * 1024
    assert code_of(kind, data) == ErrorCode.FILE_LIMIT_EXCEEDED
    assert code_of(kind, docx_of("x"), few(entries=3)) == ErrorCode.FILE_LIMIT_EXCEEDED


def test_entities_of_xml_are_not_expanded_to_files_of_the_machine() -> None:
    import io  # noqa: PLC0415
    import zipfile  # noqa: PLC0415

    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(docx_of("Hello"))) as given, zipfile.ZipFile(buffer, "w") as made:
        for entry in given.infolist():
            text = given.read(entry)
            if entry.filename == "word/document.xml":
                head, _, body = text.partition(b"?>")
                text = (
                    head + b'?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + body.replace(b"Hello", b"&e;")
                )
            made.writestr(entry, text)
    assert "root:" not in str(read("docx", buffer.getvalue()))


def test_an_unknown_kind_says_what_is_known() -> None:
    with pytest.raises(FlowrayError, match="'pptx' cannot be read") as raised:
        read_document("pptx", b"", ALL)
    assert raised.value.details == {"supported": list(KINDS)}
