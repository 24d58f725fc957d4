"""Which operation of a provider a name means: its own name in any spelling, or a reviewed near name. Never a guess."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml

from flowray.errors import ErrorCode, FlowrayError
from flowray.values import Json

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOT_WORD = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True)
class NearName:
    """What a near name stands for: an operation, parameters that it implies, and its names of parameters → ours."""

    operation: str
    parameters: Mapping[str, Json] = field(default_factory=dict)
    rename: Mapping[str, str] = field(default_factory=dict)

    def applied(self, given: Mapping[str, Json]) -> dict[str, Json]:
        """The parameters as the operation takes them. What is given wins over what is implied."""
        renamed = {self.rename.get(name, name): value for name, value in given.items()}
        return {**self.parameters, **renamed}


@dataclass(frozen=True)
class _Table:
    providers: Mapping[str, str]
    operations: Mapping[str, Mapping[str, NearName]]


def slug(name: str) -> str:
    """A provider's name in kebab case: ``google_sheets``, ``GoogleSheets`` and ``google-sheets`` are the same."""
    return _NOT_WORD.sub("-", _CAMEL.sub("-", name.strip())).strip("-").lower()


def provider_name(name: str) -> str:
    """The provider that a name means, by the table of near names; its own slug otherwise."""
    written = slug(name)
    return _table().providers.get(written, written)


def plain(name: str) -> str:
    """What is left of a name without its spelling: ``send_message`` and ``sendMessage`` are ``sendmessage``."""
    return _NOT_WORD.sub("", name).lower()


def find_operation(provider: str, wanted: str, known: Collection[str]) -> NearName:
    """Which of ``known`` is wanted. Raises UNKNOWN_OPERATION, with what is spelled alike."""
    if wanted in known:
        return NearName(wanted)
    spellings = {plain(name): name for name in known}
    found = spellings.get(plain(wanted))
    if found is not None:
        return NearName(found)
    near = _table().operations.get(provider, {}).get(plain(wanted))
    if near is not None and near.operation in known:
        return near
    raise unknown_operation(provider, wanted, known)


def unknown_operation(provider: str, wanted: str, known: Collection[str]) -> FlowrayError:
    """UNKNOWN_OPERATION, which names what is spelled alike."""
    lowered = {name.lower(): name for name in known}
    alike = [lowered[match] for match in get_close_matches(wanted.lower(), lowered, n=3, cutoff=0.6)]
    meant = f"; did you mean {' or '.join(alike)}?" if alike else ""
    return FlowrayError(
        ErrorCode.UNKNOWN_OPERATION,
        f"{provider} has no operation {wanted[:200]!r}{meant}",
        details={"provider": provider, "operation": wanted[:200], "near": alike, "known": sorted(known)[:200]},
        hint="it has: " + (", ".join(sorted(known)[:40]) or "no operations"),
    )


def unknown_provider(wanted: str, known: Collection[str]) -> FlowrayError:
    """UNKNOWN_OPERATION for a provider that nobody provides; names what is spelled alike."""
    alike = get_close_matches(wanted, known, n=3, cutoff=0.6)
    meant = f"; did you mean {' or '.join(alike)}?" if alike else ""
    return FlowrayError(
        ErrorCode.UNKNOWN_OPERATION,
        f"there is no provider {wanted[:200]!r}{meant}",
        details={"provider": wanted[:200], "near": alike, "known": sorted(known)},
        hint="put a manifest or an OpenAPI document into the folder of FLOWRAY_INTEGRATIONS_DIR, or use the sandbox",
    )


@lru_cache(maxsize=1)
def _table() -> _Table:
    document: Mapping[str, Any] = yaml.safe_load(
        files("flowray.handlers.integrations").joinpath("near_names.yaml").read_text(encoding="utf-8")
    )
    operations = {
        provider: {plain(name): _near_name(meant) for name, meant in names.items()}
        for provider, names in document["operations"].items()
    }
    return _Table(document["providers"], operations)


def _near_name(meant: str | Mapping[str, Any]) -> NearName:
    if isinstance(meant, str):
        return NearName(meant)
    return NearName(meant["operation"], meant.get("parameters", {}), meant.get("rename", {}))
