"""Every node type does what it says against something real, and its contract would notice one that does not."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import pytest

import tests.contracts
from flowray.handlers.registry import default_registry
from tests.contracts.contract import Contract, unnoticed, verify

ROOT = Path(__file__).parents[2]

NO_CONTRACT = {
    "break": "tests/runtime/test_control_flow.py",
    "continue": "tests/runtime/test_control_flow.py",
    "pause": "tests/scenarios/test_g_people.py",
    "humanReview": "tests/scenarios/test_g_people.py",
    "subworkflow": "tests/runtime/test_local_children.py",
    "variables": "tests/handlers/logic/test_variables.py",
    "trigger": "tests/triggers",
    "comment": "tests/handlers/logic/test_note.py",
    "noop": "tests/handlers/logic/test_noop.py",
}
"""Types without a contract: what they do is the engine's, or nothing, and shown where this says."""


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
    assert await unnoticed(contract, await verify(contract)) == []


def test_every_contract_is_of_a_type_that_exists() -> None:
    known = default_registry(plugins=False).node_types()
    assert [contract.node_type for contract in contracts() if contract.node_type not in known] == []


def test_every_other_type_has_a_contract() -> None:
    """By its canonical name; what is excused is excused for a reason that still exists."""
    types = default_registry(plugins=False).node_types()
    names = {node_type.name for node_type in types.values()}
    with_contract = {types[contract.node_type].name for contract in contracts()}
    assert names - with_contract <= NO_CONTRACT.keys() <= names
    assert [place for place in NO_CONTRACT.values() if not (ROOT / place).exists()] == []
