"""What kind of file something is: by its name, its declared type and its first bytes. Opens nothing."""

from __future__ import annotations

import mimetypes

OCTETS = "application/octet-stream"

_BY_SUFFIX = {
    "csv": "text/csv", "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "doc": "application/msword", "gif": "image/gif", "htm": "text/html", "html": "text/html", "jpeg": "image/jpeg",
    "jpg": "image/jpeg", "json": "application/json", "log": "text/plain", "markdown": "text/markdown",
    "md": "text/markdown", "pdf": "application/pdf", "png": "image/png",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation", "svg": "image/svg+xml",
    "text": "text/plain", "tsv": "text/tab-separated-values", "txt": "text/plain", "webp": "image/webp",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xml": "application/xml",
    "yaml": "application/yaml", "yml": "application/yaml",
}  # fmt: skip
"""The same on every machine; others as the system knows them."""

_KINDS = {
    "application/pdf": "pdf", _BY_SUFFIX["docx"]: "docx", _BY_SUFFIX["xlsx"]: "xlsx", "text/csv": "csv",
    "text/tab-separated-values": "csv", "text/html": "html", "application/xhtml+xml": "html", "text/markdown": "md",
    "application/json": "json", "text/plain": "txt", "application/xml": "txt", "text/xml": "txt",
    "application/yaml": "txt",
}  # fmt: skip

_MAGIC = (
    (b"%PDF-", "application/pdf"), (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"), (b"II*\0", "image/tiff"), (b"MM\0*", "image/tiff"), (b"BM", "image/bmp"),
)  # fmt: skip


def suffix_of(name: str) -> str:
    """What follows the last dot of a name, in small letters; nothing if there is none."""
    stem, dot, suffix = name.rpartition("/")[2].rpartition(".")
    return suffix.lower() if dot and stem else ""


def media_type(name: str, declared: str = "", data: bytes = b"") -> str:
    """The type as ``major/minor``. ``declared`` may be one, or a suffix such as ``pdf``; first bytes win over both
    where they are unmistakable.
    """
    for magic, found in _MAGIC:
        if data.startswith(magic) and len(magic) > 2:
            return found
    declared = declared.partition(";")[0].strip().lower()
    if "/" in declared and declared != OCTETS:
        return declared
    for suffix in (declared.removeprefix("."), suffix_of(name)):
        if suffix in _BY_SUFFIX:
            return _BY_SUFFIX[suffix]
        guessed = mimetypes.guess_type(f"a.{suffix}")[0] if suffix else None
        if guessed:
            return guessed
    return declared or OCTETS


def kind_of(name: str, declared: str = "", data: bytes = b"") -> str | None:
    """Which document it is, ``pdf | docx | xlsx | csv | html | md | json | txt | image``; None for anything else."""
    found = media_type(name, declared, data)
    if found.startswith("image/") and found != "image/svg+xml":
        return "image"
    if found in _KINDS:
        return _KINDS[found]
    if found.startswith("text/") or found.endswith(("+json", "+xml")):
        return "txt"
    if found == OCTETS and data and b"\0" not in data[:4_096]:
        return "txt"
    return None


def is_allowed(name: str, found: str, allowed: list[str]) -> bool:
    """Whether a file of the type ``found`` is one of ``allowed``: suffixes, types, ``image/*`` or ``image``."""
    major = found.partition("/")[0]
    suffix = suffix_of(name)
    for given in (entry.strip().lower().removeprefix(".") for entry in allowed):
        if given in ("*", "*/*", suffix, found, major, f"{major}/*") or _BY_SUFFIX.get(given) == found:
            return True
        if mimetypes.guess_type(f"a.{given}")[0] == found:
            return True
    return not allowed
