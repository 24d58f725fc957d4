"""Which tests run hostile: all that run workflows on a runtime, and for each that does not, why.

Not the modes themselves (tests/hostile/modes.py); ``python -m tests.hostile`` runs these under each of them.
"""

from __future__ import annotations

IN_PROCESS = (
    "tests/runtime/test_local.py",
    "tests/runtime/test_local_children.py",
    "tests/runtime/test_local_limits.py",
    "tests/runtime/test_value_sweep.py",
    "tests/runtime/test_control_flow.py",
    "tests/api/waitpoints/test_answering.py",
    "tests/api/starts/test_bulk.py",
    "tests/api/waitpoints/test_callback_bodies.py",
    "tests/api/waitpoints/test_event_delivery.py",
    "tests/api/triggers/test_firing.py",
    "tests/api/test_connection_runs.py",
    "tests/api/test_local_runtime.py",
    "tests/api/test_lost_answers.py",
    "tests/api/triggers/test_publishing.py",
    "tests/api/starts/test_reruns.py",
    "tests/api/triggers/test_schedules.py",
    "tests/api/waitpoints/test_shared.py",
    "tests/api/starts/test_points.py",
    "tests/api/routes/test_events_in.py",
    "tests/api/routes/test_hooks.py",
    "tests/api/routes/test_knowledge.py",
    "tests/api/routes/test_memory.py",
    "tests/api/routes/test_metadata.py",
    "tests/api/routes/test_pausing.py",
    "tests/api/routes/test_redriving.py",
    "tests/api/routes/test_reruns.py",
    "tests/api/routes/test_retention.py",
    "tests/api/routes/test_snapshots.py",
    "tests/api/routes/test_triggers.py",
    "tests/api/routes/test_waitpoints.py",
    "tests/conformance/test_control_flow_guide.py",
    "tests/conformance/test_corpus_local.py",
    "tests/conformance/test_examples_run.py",
    "tests/conformance/test_patterns.py",
    "tests/scenarios",
)
"""On the whole runtime in this process, most of them through its API."""

BY_HAND = (
    "tests/runtime/test_adopting.py",
    "tests/runtime/test_child_queue.py",
    "tests/runtime/test_child_recovery.py",
    "tests/runtime/test_child_starts.py",
    "tests/runtime/test_departed.py",
    "tests/runtime/test_crashes.py",
    "tests/runtime/test_driver.py",
    "tests/runtime/test_orchestrator.py",
    "tests/runtime/test_poison.py",
    "tests/runtime/test_queues.py",
    "tests/runtime/test_redriving.py",
    "tests/runtime/test_shared_calls.py",
    "tests/runtime/test_snapshots.py",
    "tests/runtime/test_start_points.py",
    "tests/runtime/test_start_watch.py",
    "tests/runtime/test_waitpoints.py",
    "tests/runtime/test_workflow_memory.py",
)
"""On an orchestrator that is turned by hand. Only with owners that forget: these tests fail the store themselves."""

ON_RAY = (
    "tests/acceptance/test_scenarios.py",
    "tests/acceptance/test_streaming.py",
    "tests/integration/test_callbacks.py",
    "tests/integration/test_children.py",
    "tests/integration/test_knowledge.py",
    "tests/integration/test_limits.py",
    "tests/integration/test_queues.py",
    "tests/integration/test_retention.py",
    "tests/integration/test_start_anywhere.py",
    "tests/integration/test_triggers.py",
    "tests/integration/test_waitpoints.py",
)
"""Over HTTP on Ray: also with PostgreSQL, where commits end in deadlocks too."""

LARGE = (
    "tests/runtime/test_local.py::test_five_hundred_executions_at_once_all_finish",
    "tests/scenarios/test_d_loops.py::test_d50_none_one_and_many",
)
"""Left out of those: about sizes, and an owner that forgets folds the whole log at each commit."""

IN_FILES = ("tests/integration/test_retention.py::test_r34_what_deletes_is_killed_and_the_next_goes_on",)
"""Left out of those with PostgreSQL: about the files that large values are kept in beside SQLite."""

_SIZES = "about sizes: an owner that forgets folds the whole log at each commit"
_SPEED = "about speed or memory, which faults change"
_NO_OWNER = "drives a part that has no store, or one that the test fails itself"
_STARTS_ITSELF = "starts its own processes, which no mode reaches"
_KILLS = "about kills at given steps: tests/simulation combines them with a failing store"

LEFT_OUT = {
    "tests/api/http/test_cors.py": "about headers",
    "tests/runtime/test_costs.py": _SPEED,
    "tests/runtime/test_dispatch.py": _NO_OWNER,
    "tests/runtime/test_exchange.py": _NO_OWNER,
    "tests/runtime/test_flat_memory.py": _SPEED,
    "tests/runtime/test_large_results.py": _SIZES,
    "tests/runtime/test_limiting.py": _NO_OWNER,
    "tests/runtime/test_scheduler.py": _NO_OWNER,
    "tests/runtime/test_speedup.py": _SPEED,
    "tests/runtime/on_ray/test_executor.py": _NO_OWNER,
    "tests/integration/test_command_line.py": _STARTS_ITSELF,
    "tests/integration/test_crash_points.py": _KILLS,
    "tests/integration/test_crash_points_of_roles.py": _KILLS,
    "tests/integration/test_kills.py": _KILLS,
    "tests/integration/test_lanes_alike.py": "compares logs of lanes, in which retried reads are attempts",
    "tests/integration/test_near_calls.py": _KILLS,
    "tests/integration/test_own_nodes.py": "about where nodes run, and with what",
    "tests/integration/test_postgresql.py": "is one case of those under ON_RAY with PostgreSQL",
    "tests/integration/test_processes.py": "about where processes are, not about what they keep",
    "tests/integration/test_soak.py": _KILLS,
}
"""What runs workflows and does not run hostile, with the reason."""
