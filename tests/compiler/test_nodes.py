"""What is resolved for each node."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.definition.policies import Lane
from flowray.plan import PlanResources, PlanRetry
from tests.compiler.workflows import codes, compile_text, one, plan_of
from tests.runtime.workflows import compiled


def test_the_types_declarations_reach_the_node() -> None:
    node = plan_of("a:input b:call", "a>b", {"b": {"url": "http://x"}}).nodes["b"]
    assert (node.lane, node.effects.value, node.waits_for_commit, node.timeout_ms) == (Lane.IO, "write", True, 9_000)


def test_the_author_overrides_lane_timeout_and_resources() -> None:
    own = {
        "timeoutMs": 5,
        "startTimeoutMs": 7,
        "execution": {"lane": "task", "numCpus": 2, "memory": 1024},
        "join": "all",
    }
    node = plan_of("a:input b", "a>b", {"b": {"$": own}}).nodes["b"]
    assert (node.lane, node.timeout_ms, node.start_timeout_ms, node.join.value) == (Lane.TASK, 5, 7, "all")
    assert node.resources is not None
    assert (node.resources.num_cpus, node.resources.memory) == (2, 1024)


def test_a_lane_alone_asks_for_no_resources() -> None:
    assert plan_of("a", "", {"a": {"$": {"execution": {"lane": "io"}}}}).nodes["a"].resources is None


def test_retries_come_from_the_node_then_its_count_then_the_workflow() -> None:
    settings = {"retry": {"maxAttempts": 2, "initialDelayMs": 10}}
    configs = {"b": {"$": {"retry": {"maxAttempts": 5, "codes": ["HTTP_ERROR"]}}}, "c": {"retryCount": 2}}
    nodes = plan_of("a:input b c", "a>b a>c", configs, settings=settings).nodes
    assert nodes["a"].retry == PlanRetry(max_attempts=2, initial_delay_ms=10)
    assert nodes["b"].retry == PlanRetry(max_attempts=5, codes=("HTTP_ERROR",))
    assert (nodes["c"].retry.max_attempts, nodes["c"].retry.max_delay_ms) == (3, 10_000)


def test_what_a_type_says_of_itself_holds_where_the_author_is_silent() -> None:
    nodes = plan_of(
        "a:train b:train", "a>b", {"b": {"$": {"execution": {"memory": 20, "lane": "io"}, "limit": "mine"}}}
    ).nodes
    assert (nodes["a"].lane, nodes["a"].resources, nodes["a"].limits) == (
        Lane.TASK, PlanResources(num_gpus=1, memory=10), ("gpus",)
    )  # fmt: skip
    assert (nodes["b"].lane, nodes["b"].resources, nodes["b"].limits) == (
        Lane.IO, PlanResources(num_gpus=1, memory=20), ("mine",)
    )  # fmt: skip


def test_the_retries_of_a_type_come_before_those_of_the_workflow() -> None:
    configs = {"b": {"$": {"retry": {"maxAttempts": 2}}}}
    nodes = plan_of("a:train b:train", "a>b", configs, settings={"retry": {"maxAttempts": 9}}).nodes
    assert (nodes["a"].retry.max_attempts, nodes["b"].retry.max_attempts) == (4, 2)


def test_a_node_may_ask_for_labels() -> None:
    node = plan_of("a", "", {"a": {"$": {"execution": {"labelSelector": {"zone": "a"}}}}}).nodes["a"]
    assert node.resources == PlanResources(label_selector={"zone": "a"})


def test_r11_an_error_edge_implies_the_port() -> None:
    nodes = plan_of("a:input b c", "a>b b-error>c", {"c": {"$": {"errorPort": True}}}).nodes
    assert (nodes["a"].error_port, nodes["b"].error_port, nodes["c"].error_port) == (False, True, True)


def test_an_error_edge_of_a_port_that_is_switched_off_is_refused() -> None:
    result = compile_text("a:input b c", "a>b b-error>c", {"b": {"$": {"errorPort": False}}})
    assert codes(result, "error") == [("ERROR_PORT_DISABLED", "b")]
    assert result.diagnostics[0].pointer == "/edges/1"


def test_error_policies_reach_the_node() -> None:
    node = plan_of("a", "", {"a": {"$": {"onError": {"strategy": "fallback", "fallbackValue": {"x": 1}}}}}).nodes["a"]
    assert (node.on_error.value, node.fallback_value) == ("fallback", {"x": 1})


def test_wrong_configs_are_reported_field_by_field() -> None:
    result = compile_text("a:input b:call", "a>b", {"b": {"tries": 0}})
    assert [item.pointer for item in result.diagnostics] == ["/nodes/b/config/url", "/nodes/b/config/tries"]
    assert codes(result, "error") == [("INVALID_CONFIG", "b"), ("INVALID_CONFIG", "b")]


def test_a_template_fits_every_field() -> None:
    assert compile_text("a:input b:call", "a>b", {"b": {"url": "u", "tries": "{{a.n}}"}}).diagnostics == ()


@pytest.mark.parametrize(("strict", "severity"), [(False, "warning"), (True, "error")])
def test_flowmaestro_files_with_wrong_configs_still_load(strict: bool, severity: str) -> None:
    result = compile_text("a:input b:call", "a>b", dialect="flowmaestro", strict=strict)
    assert one(result, "INVALID_CONFIG").severity.value == severity


def test_output_variables_are_known() -> None:
    assert plan_of("a", "", {"a": {"outputVariable": "x"}}).nodes["a"].output_variable == "x"


def test_a_container_may_ask_for_all_results() -> None:
    def results_of(config: dict[str, Any]) -> str:
        return plan_of("a:input L:loop b", "a>L L-loop-body>b", {"L": config}).containers["L"].results

    assert results_of({"arrayPath": "a", "results": "all"}) == "all"
    assert results_of({"arrayPath": "a"}) == "terminal"


def test_a_wrong_config_of_an_imported_workflow_is_a_warning() -> None:
    for dialect, severity in (("flowray", "error"), ("flowmaestro", "warning"), ("sim", "warning")):
        result = compile_text("a:input b:call", "a>b", {"b": {}}, dialect=dialect)
        assert ("INVALID_CONFIG", "b") in codes(result, severity), dialect


def test_the_author_names_limits_one_or_several_each_once() -> None:
    configs = {"b": {"$": {"limit": "crm"}}, "c": {"$": {"limits": ["x", "y", "x"], "limit": "z"}}}
    nodes = plan_of("a:input b c d", "a>b a>c a>d", configs).nodes
    assert [nodes[name].limits for name in "bcd"] == [("crm",), ("x", "y", "z"), ()]


@pytest.mark.parametrize(
    ("node_type", "node", "limits"),
    [
        ("llm", {"config": {"prompt": "Hi"}}, ("openai",)),
        ("llm", {"config": {"prompt": "Hi", "provider": "local"}}, ("local",)),
        ("llm", {"config": {"prompt": "Hi", "baseUrl": "http://mine/v1"}}, ()),
        ("llm", {"config": {"prompt": "Hi", "provider": "local", "baseUrl": "http://mine/v1"}}, ("local",)),
        ("llm", {"config": {"prompt": "Hi"}, "limits": []}, ()),
        ("llm", {"config": {"prompt": "Hi"}, "limits": ["nightly"]}, ("nightly",)),
        ("http", {"config": {"url": "http://x"}}, ()),
    ],
)
def test_nodes_that_ask_a_provider_are_under_its_named_limit_by_default(
    node_type: str, node: dict[str, Any], limits: tuple[str, ...]
) -> None:
    compiled_node = compiled({"in": {"type": "input"}, "n": {"type": node_type, **node}}, "in -> n").nodes["n"]
    assert compiled_node.limits == limits
    assert compiled_node.spends_tokens == (node_type == "llm")
