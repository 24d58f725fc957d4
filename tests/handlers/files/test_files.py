"""The files node: what came in is kept in the workspace, read and cut."""

from __future__ import annotations

from typing import Any

from flowray.errors import ErrorCode
from tests.fakes.made_documents import as_base64, pdf_of
from tests.fakes.services import fake_services
from tests.fakes.workspace import MemoryWorkspace
from tests.handlers.running import fail, output

PDF = {"fileName": "bill.pdf", "fileType": "pdf", "base64": as_base64(pdf_of("Invoice 123"))}
NOTE = {"fileName": "note.txt", "content": "One. Two."}


async def test_a_single_file_is_an_object_with_its_fields() -> None:
    files = MemoryWorkspace()
    found = await output("files", {"inputName": "doc"}, inputs={"doc": PDF}, services=fake_services(files=files))
    assert (found["fileName"], found["fileType"], found["text"]) == ("bill.pdf", "application/pdf", "Invoice 123")
    assert (found["fileCount"], found["totalChunkCount"], found["combinedText"]) == (1, 1, "Invoice 123")
    assert found["path"] == "inputs/bill.pdf"
    assert files.files["e1", "inputs/bill.pdf"].startswith(b"%PDF")
    assert found["files"][0]["filename"] == "bill.pdf"
    assert found["allChunks"] == [{"content": "Invoice 123", "index": 0, "fileName": "bill.pdf", "start": 0}]


async def test_several_files_with_one_name_are_kept_apart() -> None:
    given = [NOTE, {**NOTE, "fileName": "NOTE.txt", "content": "Three."}, {"content": "Four"}, {"content": "Five"}]
    found = await output("files", {"inputVariable": "docs"}, inputs={"docs": given})
    assert [file["path"] for file in found["files"]] == [
        "inputs/note.txt", "inputs/NOTE-2.txt", "inputs/file", "inputs/file-4",
    ]  # fmt: skip
    assert found["combinedText"] == "One. Two.\n\n---\n\nThree.\n\n---\n\nFour\n\n---\n\nFive"
    assert "path" not in found
    listed = await output("files", {"outputVariable": "docs", "multiple": True}, inputs={"docs": given[:2]})
    assert [file["text"] for file in listed] == ["One. Two.", "Three."]


async def test_chunks_overlap_as_asked() -> None:
    config = {"inputName": "doc", "chunkSize": 50, "chunkOverlap": 10}
    text = "word " * 30
    found = await output("files", config, inputs={"doc": {"content": text}})
    assert all(len(chunk["content"]) <= 50 for chunk in found["allChunks"])
    assert [chunk["start"] for chunk in found["allChunks"]] == [0, 40, 80, 120]


async def test_files_that_are_no_documents_are_only_kept() -> None:
    recording = {"fileName": "call.mp3", "base64": as_base64(b"\0\1")}
    found = await output("files", {"inputName": "r", "allowedTypes": ["audio/*"]}, inputs={"r": recording})
    assert (found["text"], found["fileType"], found["size"]) == ("", "audio/mpeg", 2)
    given = await output("files", {"inputName": "r", "extractText": False}, inputs={"r": PDF})
    assert (given["text"], given["allChunks"]) == ("", [])


async def test_a_file_of_the_workspace_stays_where_it_is() -> None:
    files = MemoryWorkspace({"out/a.txt": b"x"})
    found = await output("files", {"inputName": "f"}, inputs={"f": "out/a.txt"}, services=fake_services(files=files))
    assert (found["path"], list(files.files)) == ("out/a.txt", [("e1", "out/a.txt")])


async def test_missing_and_unwanted_files() -> None:
    none: dict[str, Any] = {"inputName": "doc"}
    error = await fail("files", none, inputs={"other": 1})
    assert (error.code, "given no files as 'doc'" in error.message) == (ErrorCode.INVALID_INPUT, True)
    found = await output("files", {**none, "required": False})
    assert (found["files"], found["fileCount"], found["combinedText"]) == ([], 0, "")
    error = await fail("files", {**none, "allowedFileTypes": ["docx", "image/*"]}, inputs={"doc": PDF})
    assert (error.code, error.hint) == (ErrorCode.INVALID_INPUT, "allowed are docx, image/*")
    error = await fail("files", {**none, "chunkSize": 100, "chunkOverlap": 100}, inputs={"doc": PDF})
    assert error.code == ErrorCode.INVALID_NODE_CONFIG
