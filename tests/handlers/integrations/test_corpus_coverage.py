"""How many integration nodes of the real workflows the sandbox answers, and which it cannot: all are listed here."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest
from pydantic import ValidationError

from flowray.errors import FlowrayError
from flowray.handlers.integrations.integration import IntegrationConfig
from flowray.handlers.integrations.naming import find_operation, provider_name
from flowray.handlers.integrations.sandbox.fixtures import FixtureFolder, merged, own_replies
from tests.corpus import CORPUS, load_workflow, needs_corpus, workflow_files

UNANSWERED = {
    "heap query": 1,  # Heap has no such call
    "internal flagContent": 1,  # the author's own system
    "internal removeContent": 1,
    "linkedin searchPeople": 1,  # LinkedIn has no such call
    "quickbooks reconcileTransactions": 1,  # nor has QuickBooks
    "sentry createIssue": 1,  # nor has Sentry: issues come of events
    "vercel getAnalytics": 1,  # nor has Vercel
    "workday getPayrollExceptions": 1,  # a report that each company makes for itself
    "no provider": 10,  # configs that are empty: of tests that never ran the node
}
"""Operations that nobody could have recorded: a node that names one fails with UNKNOWN_OPERATION."""


@cache
def answered() -> tuple[int, Counter[str]]:
    """How many nodes are answered; and which are not, by provider and operation."""
    assert CORPUS is not None
    sources = [FixtureFolder(CORPUS / "flowmaestro" / "sandbox_fixtures"), own_replies()]
    count, unanswered = 0, Counter[str]()
    for path in workflow_files():
        _, definition = load_workflow(path)
        for node in definition["nodes"].values():
            if node["type"] not in ("integration", "action"):
                continue
            try:
                config = IntegrationConfig.model_validate(node["config"])
            except ValidationError:
                unanswered["no provider"] += 1
                continue
            provider = provider_name(config.provider)
            try:
                find_operation(provider, config.operation, merged(sources, provider))
            except FlowrayError:
                unanswered[f"{provider} {config.operation}"] += 1
            else:
                count += 1
    return count, unanswered


@pytest.mark.corpus
@needs_corpus
def test_the_sandbox_answers_every_operation_that_its_provider_has(capsys: pytest.CaptureFixture[str]) -> None:
    count, unanswered = answered()
    with capsys.disabled():
        print(f"\nintegration nodes of the corpus: {count} of {count + unanswered.total()} are answered")
        for name, number in sorted(unanswered.items()):
            print(f"  {number:2} not: {name}")
    assert unanswered == UNANSWERED
    assert count == 829
