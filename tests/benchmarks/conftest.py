"""Fixtures of the tests of the benchmarks."""

from tests.databases import postgres_url

__all__ = ["postgres_url"]
