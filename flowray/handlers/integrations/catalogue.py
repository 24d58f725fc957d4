"""The providers of manifests and documents: those of the package and of a folder, each read when it is first asked."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from flowray.handlers.integrations.declarative.manifest import parse_manifest
from flowray.handlers.integrations.declarative.provider import DeclarativeProvider
from flowray.handlers.integrations.naming import slug
from flowray.handlers.integrations.openapi.provider import OpenApiProvider
from flowray.handlers.operations import Provider
from flowray.handlers.services import HttpTransport

BUILT_IN = "manifests"
"""Folder of the package with the manifests that flowray brings."""

_SUFFIXES = (".yaml", ".yml", ".json")
_OPENAPI = re.compile(r"""^\s*\{?\s*["']?(?:openapi|swagger)["']?\s*:""", re.MULTILINE)
_HEAD_CHARS = 10_000
"""Where the version of an OpenAPI document stands that was written by anybody's tool."""


class Catalogue(Mapping[str, Provider]):
    """Providers by name. What the given folder has wins over what flowray brings.

    Looking one up raises CONFIGURATION for a file that is neither a manifest nor an OpenAPI document.
    """

    def __init__(self, http: HttpTransport, folder: Path | None = None) -> None:
        self._http = http
        self._made: dict[str, Provider] = {}
        self._files = _providers(files(__package__).joinpath(BUILT_IN))
        if folder is not None:
            self._files |= _providers(folder)

    def __getitem__(self, name: str) -> Provider:
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = self._make(name, self._files[name])
        return made

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._files))

    def __len__(self) -> int:
        return len(self._files)

    def _make(self, name: str, file: Traversable) -> Provider:
        text = file.read_text(encoding="utf-8")
        if _OPENAPI.search(text[:_HEAD_CHARS]):
            return OpenApiProvider(name, _given(text), self._http)
        return DeclarativeProvider(name, parse_manifest(text, name), self._http)


def _providers(folder: Traversable) -> dict[str, Traversable]:
    return {
        slug(file.name.rpartition(".")[0]): file for file in folder.iterdir() if file.name.endswith(_SUFFIXES)
    }  # fmt: skip


def _given(text: str) -> Callable[[], Awaitable[str]]:
    async def load() -> str:
        return text

    return load
