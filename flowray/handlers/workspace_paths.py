"""Which relative paths name a file of a workspace. Pure: no file system is asked, and none could disagree.

What one of Linux, macOS, Windows or an object store would read differently is refused, so a path means the same on all.
"""

from __future__ import annotations

import re
import unicodedata

from flowray.errors import ErrorCode, FlowrayError

MAX_NAME_BYTES = 200
"""One name, in UTF-8. File systems take 255, and what is written aside needs some of them."""

MAX_PATH_BYTES = 1_000
MAX_DEPTH = 32

TEMPORARY = ".new-"
"""What a file that is not whole yet is called; no path may."""

_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f\\<>:"|?*]')
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"{device}{digit}" for device in ("com", "lpt") for digit in "0123456789¹²³"}
)


def path_parts(path: str) -> tuple[str, ...]:
    """The names that ``path`` consists of, in Unicode's composed form.

    Raises FORBIDDEN for a path that would lead out of the workspace (absolute, ``..``), INVALID_NODE_CONFIG for one
    that not every system can store.
    """
    if path.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", path):
        raise _refused(path, "it is absolute")
    parts = tuple(unicodedata.normalize("NFC", path).split("/"))
    if ".." in parts:
        raise _refused(path, "it leads out of the workspace")
    try:
        size = len(path.encode())
    except UnicodeEncodeError as error:
        raise _wrong(path, "it is no valid Unicode") from error
    if size > MAX_PATH_BYTES or len(parts) > MAX_DEPTH:
        raise _wrong(path, f"it is longer than {MAX_PATH_BYTES} bytes or deeper than {MAX_DEPTH} folders")
    for part in parts:
        problem = _problem(part)
        if problem:
            raise _wrong(path, problem)
    return parts


def _problem(name: str) -> str:
    """What is wrong with one name, or nothing."""
    if name in ("", "."):
        return "a part of it is empty or a dot"
    if found := _FORBIDDEN.search(name):
        return f"it contains {found[0]!r}"
    if len(name.encode()) > MAX_NAME_BYTES:
        return f"a name in it is longer than {MAX_NAME_BYTES} bytes"
    if name[-1] in ". " or name[0] == " ":
        return "a name in it begins or ends with a space, or ends with a dot"
    if name.partition(".")[0].rstrip(" ").casefold() in _DEVICES:
        return f"{name!r} is a device on Windows"
    if name.startswith(TEMPORARY):
        return f"names that begin with {TEMPORARY!r} are for files that are being written"
    return ""


def as_workspace_path(text: str) -> str:
    """What an author means by a path: a leading slash is the workspace's own root, ``.`` is nothing, and a character
    that no file name may have becomes ``_`` (real workflows make names of titles and times). Still to be checked.
    """
    parts = [part.strip(" ") for part in _replaced(text.strip()).split("/")]
    return "/".join(part if part == ".." else part.rstrip(". ") or "_" for part in parts if part not in ("", "."))


def as_file_name(text: str) -> str:
    """One name made of any text, its end kept where it is too long; ``file`` where nothing of it can be used."""
    name = as_workspace_path(text.replace("/", "_")).strip("_. ")
    while len(name.encode()) > MAX_NAME_BYTES:
        name = name[1:]
    return name if name and not _problem(name) else f"file_{name}".rstrip("_")


def _replaced(text: str) -> str:
    return _FORBIDDEN.sub(lambda found: "/" if found[0] == "\\" else "_", text)


def fold(path: str) -> str:
    """What two paths share that some file system takes for one."""
    return unicodedata.normalize("NFC", path).casefold()


def _refused(path: str, why: str) -> FlowrayError:
    return FlowrayError(
        ErrorCode.FORBIDDEN, f"the path {path[:200]!r} is not allowed: {why}",
        hint="paths are relative to the workspace of the execution",
    )  # fmt: skip


def _wrong(path: str, why: str) -> FlowrayError:
    return FlowrayError(
        ErrorCode.INVALID_NODE_CONFIG, f"the path {path[:200]!r} cannot be used: {why}",
        hint="such a name would not mean the same on every system",
    )  # fmt: skip
