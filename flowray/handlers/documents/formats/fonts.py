"""Fonts for text that the fonts every PDF reader has cannot show: DejaVu, from matplotlib or the system."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from flowray.errors import ErrorCode, FlowrayError

FAMILY = "DejaVu"
MONOSPACED = "DejaVuMono"

_SYSTEM = ("/usr/share/fonts/truetype/dejavu", "/usr/share/fonts/dejavu-sans-fonts", "/usr/share/fonts/TTF")
_FILES = {
    (FAMILY, ""): "DejaVuSans.ttf", (FAMILY, "B"): "DejaVuSans-Bold.ttf", (FAMILY, "I"): "DejaVuSans-Oblique.ttf",
    (FAMILY, "BI"): "DejaVuSans-BoldOblique.ttf", (MONOSPACED, ""): "DejaVuSansMono.ttf",
    (MONOSPACED, "B"): "DejaVuSansMono-Bold.ttf",
}  # fmt: skip


def font_files() -> dict[tuple[str, str], Path]:
    """``{(family, style): file}``, those that are there; style ``B``, ``I``, ``BI`` or none.

    Raises MISSING_EXTRA if there is not even the plain one.
    """
    folders = [Path(folder) for folder in _SYSTEM]
    if (matplotlib := importlib.util.find_spec("matplotlib")) is not None:
        # Looked for, not imported: that would take longer than the whole document.
        places = matplotlib.submodule_search_locations or []
        folders = [Path(place) / "mpl-data" / "fonts" / "ttf" for place in places] + folders
    found = {
        key: next((folder / name for folder in folders if (folder / name).is_file()), None)
        for key, name in _FILES.items()
    }
    if found[FAMILY, ""] is None:
        raise FlowrayError(
            ErrorCode.MISSING_EXTRA, "the text has letters that need the DejaVu fonts, which are not installed",
            details={"extra": "charts"}, hint="pip install 'flowray[charts]', or install the system's DejaVu fonts",
        )  # fmt: skip
    return {key: path for key, path in found.items() if path is not None}


def is_plain(text: str) -> bool:
    """True if the fonts that every PDF reader has can show it (Latin-1)."""
    return text.isascii() or all(ord(letter) < 256 for letter in text)
