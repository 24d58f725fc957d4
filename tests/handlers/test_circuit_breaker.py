"""Circuits open after five failures in a row, and close again by one call that goes well."""

from __future__ import annotations

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.circuit_breaker import COOL_DOWN_MS, FAILURES, CircuitBreakers


class Clock:
    now_ms = 1_000_000

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


def call(
    breakers: CircuitBreakers, clock: Clock, fails: ErrorCode | None = None, name: str = "p"
) -> FlowrayError | None:
    """The error that comes out of one call."""
    try:
        with breakers.guard(name, clock):
            if fails is not None:
                raise FlowrayError(fails, "it failed")
    except FlowrayError as error:
        return error
    return None


def opened(clock: Clock) -> CircuitBreakers:
    breakers = CircuitBreakers()
    for _ in range(FAILURES):
        error = call(breakers, clock, ErrorCode.PROVIDER_ERROR)
        assert error is not None
        assert error.code is ErrorCode.PROVIDER_ERROR
    return breakers


def test_five_failures_in_a_row_open_the_circuit_of_one_provider(clock: Clock) -> None:
    breakers = opened(clock)
    error = call(breakers, clock)
    assert error is not None
    assert (error.code, error.retryable) == (ErrorCode.PROVIDER_CIRCUIT_OPEN, True)
    assert error.details == {"provider": "p", "failures": 5, "retry_after_ms": COOL_DOWN_MS}
    assert call(breakers, clock, name="another") is None


def test_a_success_or_a_refusal_between_starts_the_count_anew(clock: Clock) -> None:
    breakers = CircuitBreakers()
    for _ in range(3):
        for _ in range(FAILURES - 1):
            call(breakers, clock, ErrorCode.PROVIDER_TIMEOUT)
        assert call(breakers, clock) is None
    for _ in range(FAILURES - 1):
        call(breakers, clock, ErrorCode.PROVIDER_TIMEOUT)
    call(breakers, clock, ErrorCode.PROVIDER_REJECTED)
    call(breakers, clock, ErrorCode.PROVIDER_TIMEOUT)
    assert call(breakers, clock) is None


def test_a_rate_limit_says_nothing(clock: Clock) -> None:
    breakers = CircuitBreakers()
    for _ in range(FAILURES * 2):
        call(breakers, clock, ErrorCode.PROVIDER_RATE_LIMITED)
    assert call(breakers, clock) is None


def test_after_a_while_one_call_decides(clock: Clock) -> None:
    breakers = opened(clock)
    clock.now_ms += COOL_DOWN_MS
    with breakers.guard("p", clock):
        beside = call(breakers, clock)
        assert beside is not None, "only one is let through"
        assert beside.details["retry_after_ms"] == 1_000
    assert call(breakers, clock) is None
    breakers = opened(clock)
    clock.now_ms += COOL_DOWN_MS
    call(breakers, clock, ErrorCode.PROVIDER_ERROR)
    again = call(breakers, clock)
    assert again is not None
    assert again.details["retry_after_ms"] == COOL_DOWN_MS


def test_a_probe_that_is_given_up_lets_another_through(clock: Clock) -> None:
    breakers = opened(clock)
    clock.now_ms += COOL_DOWN_MS
    with pytest.raises(KeyboardInterrupt), breakers.guard("p", clock):
        raise KeyboardInterrupt
    assert call(breakers, clock) is None


def test_what_is_well_is_forgotten(clock: Clock) -> None:
    breakers = CircuitBreakers()
    for number in range(10):
        call(breakers, clock, name=f"http://{number}")
    call(breakers, clock, ErrorCode.PROVIDER_ERROR, "ill")
    assert set(breakers._circuits) == {"ill"}
