"""When a failed attempt is tried again, and after which delay."""

from __future__ import annotations

import pytest

from flowray.engine.retries import retry_delay_ms
from flowray.engine.signals import NodeError
from flowray.plan import PlanRetry

TEMPORARY = NodeError(message="", code="PROVIDER_TIMEOUT", retryable=True)
FINAL = NodeError(message="", code="INVALID_NODE_CONFIG")


@pytest.mark.parametrize(("tries", "delay"), [(1, 100), (2, 200), (3, 400), (4, 500), (5, 500)])
def test_exponential_up_to_the_maximum(tries: int, delay: int) -> None:
    policy = PlanRetry(max_attempts=10, initial_delay_ms=100, factor=2, max_delay_ms=500)
    assert retry_delay_ms(policy, tries, TEMPORARY, "a") == delay


def test_max_attempts_counts_the_first() -> None:
    assert retry_delay_ms(PlanRetry(max_attempts=1), 1, TEMPORARY, "a") is None
    assert retry_delay_ms(PlanRetry(max_attempts=3), 2, TEMPORARY, "a") is not None
    assert retry_delay_ms(PlanRetry(max_attempts=3), 3, TEMPORARY, "a") is None


def test_without_codes_the_error_itself_says_whether() -> None:
    assert retry_delay_ms(PlanRetry(max_attempts=3), 1, FINAL, "a") is None


def test_codes_decide_if_given() -> None:
    policy = PlanRetry(max_attempts=3, codes=("INVALID_NODE_CONFIG",))
    assert retry_delay_ms(policy, 1, FINAL, "a") == 1_000
    assert retry_delay_ms(policy, 1, TEMPORARY, "a") is None


def test_retry_after_is_honoured_even_above_the_maximum() -> None:
    error = NodeError(message="", code="PROVIDER_RATE_LIMITED", retryable=True, retry_after_ms=90_000)
    assert retry_delay_ms(PlanRetry(max_attempts=3, max_delay_ms=1_000), 1, error, "a") == 90_000
    short = NodeError(message="", code="PROVIDER_RATE_LIMITED", retryable=True, retry_after_ms=10)
    assert retry_delay_ms(PlanRetry(max_attempts=3), 1, short, "a") == 1_000


def test_jitter_takes_off_up_to_its_share_and_replays_the_same() -> None:
    policy = PlanRetry(max_attempts=9, initial_delay_ms=1_000, factor=1, jitter=0.5)
    delays = [retry_delay_ms(policy, 1, TEMPORARY, f"node-{number}") for number in range(200)]
    assert all(delay is not None and 500 <= delay <= 1_000 for delay in delays)
    assert len(set(delays)) > 100
    assert retry_delay_ms(policy, 1, TEMPORARY, "node-7") == delays[7]


def test_a_delay_beyond_all_numbers_is_the_maximum() -> None:
    policy = PlanRetry(max_attempts=250, factor=1e9, max_delay_ms=60_000)
    assert retry_delay_ms(policy, 249, TEMPORARY, "a") == 60_000
