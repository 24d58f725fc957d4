"""Circuit breakers: a provider that fails again and again is left alone for a while. One per provider and process.

Five failures in a row open a circuit for 30 s, as in FlowMaestro; then one call is let through, and decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flowray.errors import ErrorCode, FlowrayError

FAILURES = 5
COOL_DOWN_MS = 30_000

ILL = frozenset(
    {
        ErrorCode.PROVIDER_UNREACHABLE,
        ErrorCode.PROVIDER_TIMEOUT,
        ErrorCode.PROVIDER_ERROR,
        ErrorCode.STREAM_INTERRUPTED,
    }
)
"""Errors that say that the provider is ill. A refused request says that it is well; a rate limit says neither."""

WELL = frozenset({ErrorCode.PROVIDER_REJECTED})


@dataclass
class _Circuit:
    failures: int = 0
    opened_at_ms: int | None = None
    probing: bool = False

    def close(self) -> None:
        self.failures, self.opened_at_ms = 0, None


class CircuitBreakers:
    """Circuits by provider. Belongs to one event loop."""

    def __init__(self, failures: int = FAILURES, cool_down_ms: int = COOL_DOWN_MS) -> None:
        self._failures = failures
        self._cool_down_ms = cool_down_ms
        self._circuits: dict[str, _Circuit] = {}

    @contextmanager
    def guard(self, provider: str, now_ms: Callable[[], int]) -> Iterator[None]:
        """Around one call of ``provider``. Raises PROVIDER_CIRCUIT_OPEN without calling while the circuit is open."""
        circuit = self._circuits.setdefault(provider, _Circuit())
        self._admit(provider, circuit, now_ms())
        probes = circuit.opened_at_ms is not None
        circuit.probing = circuit.probing or probes
        try:
            yield
        except FlowrayError as error:
            if error.code in ILL:
                self._failed(circuit, now_ms())
            elif error.code in WELL:
                circuit.close()
            raise
        else:
            circuit.close()
        finally:
            if probes:
                circuit.probing = False
            if circuit.failures:
                self._circuits[provider] = circuit
            else:
                # Addresses come from users: what is well is forgotten, so that there are no more than are ill.
                self._circuits.pop(provider, None)

    def _admit(self, provider: str, circuit: _Circuit, now_ms: int) -> None:
        if circuit.opened_at_ms is None:
            return
        left_ms = circuit.opened_at_ms + self._cool_down_ms - now_ms
        if left_ms <= 0 and not circuit.probing:
            return
        raise FlowrayError(
            ErrorCode.PROVIDER_CIRCUIT_OPEN,
            f"the provider {provider!r} failed {circuit.failures} times in a row and is left alone for now",
            details={"provider": provider, "failures": circuit.failures, "retry_after_ms": max(left_ms, 1_000)},
            hint="see the provider's last errors; it is asked again after a while",
            retryable=True,
        )

    def _failed(self, circuit: _Circuit, now_ms: int) -> None:
        circuit.failures += 1
        if circuit.failures >= self._failures:
            circuit.opened_at_ms = now_ms
