"""What an author may say about time, retries and errors."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from flowray.definition.policies import ErrorPolicy, ErrorStrategy, ExecutionPreferences, Lane, RetryPolicy


def test_defaults_retry_nothing_and_fail() -> None:
    assert RetryPolicy().max_attempts == 1
    assert ErrorPolicy().strategy is ErrorStrategy.FAIL


def test_camel_and_snake_case_are_the_same() -> None:
    camel = RetryPolicy.model_validate({"maxAttempts": 3, "initialDelayMs": 5})
    assert camel == RetryPolicy.model_validate({"max_attempts": 3, "initial_delay_ms": 5})
    assert camel.model_dump(by_alias=True, exclude_unset=True) == {"maxAttempts": 3, "initialDelayMs": 5}


@pytest.mark.parametrize("wrong", [{"maxAttempts": 0}, {"factor": 0.5}, {"jitter": 2}, {"initialDelayMs": -1}])
def test_retries_have_bounds(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        RetryPolicy.model_validate(wrong)


def test_preferences_name_a_lane_and_resources() -> None:
    given = ExecutionPreferences.model_validate({"lane": "task", "numGpus": 1, "runtimeEnv": {"pip": ["x"]}})
    assert (given.lane, given.num_gpus, given.runtime_env) == (Lane.TASK, 1, {"pip": ["x"]})
