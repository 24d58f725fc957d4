"""Files that nodes make: where they lie in the workspace, and what is put out about them."""

from __future__ import annotations

from typing import Any

from flowray.handlers.file_types import media_type, suffix_of
from flowray.handlers.handler import NodeInput
from flowray.handlers.workspace_paths import as_file_name, as_workspace_path

FOLDER = "outputs"
"""Of the workspace: where files lie to which their author gives no folder."""


async def keep_made(node: NodeInput, filename: str | None, suffix: str, data: bytes, **more: Any) -> dict[str, Any]:
    """``{path, fileName, filename, size, mimeType, …more}``; the size in bytes.

    Without a name it is that of the node instance, so that each round of a loop has its own file; a repeat writes the
    same one. A name without the ``suffix`` gets it. Raises as the workspace does.
    """
    path = as_workspace_path(filename or "") or as_file_name(node.instance)
    if suffix_of(path) != suffix:
        path = f"{path}.{suffix}"
    if "/" not in path:
        path = f"{FOLDER}/{path}"
    info = await node.services.files.write(node.files_of, path, data)
    name = info.path.rpartition("/")[2]
    return {
        "path": info.path, "fileName": name, "filename": name, "size": info.size, "mimeType": media_type(name), **more,
    }  # fmt: skip
