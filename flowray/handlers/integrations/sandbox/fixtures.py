"""Recorded replies of providers: files of one provider each, read when it is first asked. Choosing a reply is not done
here.

A file is a list of operations, as JSON or YAML: ``operationId``, ``validCases`` and ``errorCases`` (``name``, ``input``
and ``expectedOutput`` or ``expectedError``), and for lists ``filterableData``: records that are filtered and paged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Protocol

import msgspec
import yaml

from flowray.errors import ErrorCode, FlowrayError
from flowray.values import Json

OWN_REPLIES = "replies"
"""Folder of the package with the replies that flowray brings."""

_SUFFIXES = (".json", ".yaml")


class ExpectedError(msgspec.Struct, frozen=True):
    """``type``: not_found, permission, rate_limit, validation or server_error."""

    type: str
    message: str
    retryable: bool = False


class Case(msgspec.Struct, frozen=True, rename="camel"):
    """A recorded call. A valid case without an output is answered from the operation's records."""

    name: str
    description: str = ""
    input: dict[str, Any] = {}
    expected_output: Json = None
    expected_error: ExpectedError | None = None


class FilterableData(msgspec.Struct, frozen=True, rename="camel"):
    """Records behind a list operation. Fields that begin with ``_`` are filtered by and never shown.

    ``offset_field`` of an answer is what the next call gives as ``offset_param``. ``filter_config`` is
    ``{type: generic | airtable | hubspot, filterableFields?}`` or ``{parameter: {type, field}}``.
    """

    records: list[dict[str, Any]]
    records_field: str
    default_page_size: int = 100
    max_page_size: int = 100
    page_size_param: str = "limit"
    offset_param: str | None = None
    offset_field: str | None = None
    filter_config: dict[str, Any] = {}


class RecordedOperation(msgspec.Struct, frozen=True, rename="camel"):
    """An operation with its recorded calls."""

    operation_id: str
    valid_cases: list[Case] = []
    error_cases: list[Case] = []
    filterable_data: FilterableData | None = None
    description: str = ""


class FixtureSource(Protocol):
    """Where recorded operations come from."""

    def operations(self, provider: str) -> Mapping[str, RecordedOperation]:
        """Of a provider, by name; empty for one that it does not have. Reads files: not for an event loop."""
        ...


class FixtureFolder:
    """Fixtures of a folder. Raises CONFIGURATION for a file that is none."""

    def __init__(self, folder: Path | Traversable) -> None:
        self._folder = folder
        self._read: dict[str, Mapping[str, RecordedOperation]] = {}

    def operations(self, provider: str) -> Mapping[str, RecordedOperation]:
        found = self._read.get(provider)
        if found is None:
            found = self._read[provider] = self._load(provider)
        return found

    def _load(self, provider: str) -> Mapping[str, RecordedOperation]:
        for suffix in _SUFFIXES:
            # ``provider`` is a slug: it has no dots or slashes, and so cannot leave the folder.
            file = self._folder.joinpath(provider + suffix)
            if file.is_file():
                return {operation.operation_id: operation for operation in _parse(file.read_bytes(), file.name)}
        return {}


def own_replies() -> FixtureFolder:
    """The replies that flowray brings."""
    return FixtureFolder(files(__package__).joinpath(OWN_REPLIES))


def merged(sources: Iterable[FixtureSource], provider: str) -> dict[str, RecordedOperation]:
    """What all sources have of a provider; the first that has an operation wins."""
    operations: dict[str, RecordedOperation] = {}
    for source in sources:
        operations = {**source.operations(provider), **operations}
    return operations


def _parse(content: bytes, name: str) -> Sequence[RecordedOperation]:
    try:
        if name.endswith(".json"):
            return msgspec.json.decode(content, type=list[RecordedOperation])
        return msgspec.convert(yaml.safe_load(content), type=list[RecordedOperation])
    except (msgspec.DecodeError, yaml.YAMLError) as error:
        raise FlowrayError(
            ErrorCode.CONFIGURATION, f"{name} is no fixture file of the sandbox: {error}",
            hint="each is a list of operations with operationId, validCases and errorCases",
        ) from error  # fmt: skip
