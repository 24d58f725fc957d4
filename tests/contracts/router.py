"""The contract of ``router``: a model that names a route, one that does not, and rules that need no model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowray.errors import ErrorCode
from tests.contracts.contract import Case, Contract
from tests.contracts.fake_models import AGAINST, asking, has

ROUTES = [{"value": "sales", "label": "Sales"}, {"value": "support"}]


def _cases(_url: str) -> Sequence[Case]:
    def asks(prompt: str, **more: Any) -> dict[str, Any]:
        return {"prompt": prompt, "routes": ROUTES, **more}

    rules = {"conditions": [{"name": "high", "expression": "n > 5"}], "defaultOutput": "low"}
    chosen = '{"selectedRoute": "support", "confidence": 0.9, "reasoning": "it is broken"}'
    return [
        # The fake model repeats what it was asked, so that a question may have its answer in it.
        Case("a route", asks(chosen), has(selectedRoute="support", confidence=0.9, reasoning="it is broken")),
        Case("no route", asks("Hello"), has(selectedRoute="sales", routeLabel="Sales", confidence=0.5)),
        Case("the default", asks("Hello", defaultRoute="support"), has(selectedRoute="support")),
        Case("a rule", rules, has(selectedRoute="high", conditionMet=True), task={"inputs": {"n": 9}}),
        Case("no rule", rules, has(selectedRoute="low", conditionMet=False), task={"inputs": {"n": 1}}),
        Case("a refusal", asks("x", model="fake-400"), has(code=ErrorCode.PROVIDER_REJECTED), fails=True),
    ]


CONTRACTS = [Contract("router", AGAINST, asking(_cases))]
