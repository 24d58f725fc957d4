"""Every node type does what it says against something real, and its contract would notice one that does not."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import tests.contracts
from flowray.handlers.registry import default_registry
from tests.contracts.contract import Contract, blind_to, cases_of, verify

NO_CONTRACT: dict[str, str] = {}
"""Types without a contract, and why."""


def contracts() -> list[Contract]:
    """Those of every module of this folder that has some, as ``CONTRACTS``."""
    found: list[Contract] = []
    for module in pkgutil.iter_modules(tests.contracts.__path__):
        found.extend(getattr(importlib.import_module(f"tests.contracts.{module.name}"), "CONTRACTS", []))
    return found


@pytest.mark.parametrize("contract", contracts(), ids=lambda contract: contract.node_type)
async def test_the_contract_holds_and_would_notice_a_constant(contract: Contract) -> None:
    reason = contract.missing()
    if reason is not None:
        pytest.skip(reason)
    results = await verify(contract)
    cases = [case async for case in cases_of(contract)]
    for case, result in zip(cases, results, strict=True):
        assert not blind_to(contract, cases, result), f"{contract.node_type}: always answering as in {case.name!r}"


def test_every_contract_is_of_a_type_that_exists() -> None:
    known = default_registry(plugins=False).node_types()
    assert [contract.node_type for contract in contracts() if contract.node_type not in known] == []
