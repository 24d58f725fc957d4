"""The index of the 98 scenarios: each has its test, under its name, and says what it expects."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

INDEX = {
    "A1": "test_a01_a_chain_has_a_level_per_node",
    "A2": "test_a02_nothing_is_no_definition",
    "A3": "test_a03_a_diamond_has_three_levels",
    "A4": "test_a04_an_input_node_is_the_trigger_where_no_entry_point_is_named",
    "A5": "test_a05_of_two_components_the_one_without_a_source_does_not_start",
    "A6": "test_a06_a_cycle_that_nothing_leads_to_is_unreachable",
    "A7": "test_a07_outputs_are_those_of_output_nodes_else_of_ends",
    "A8": "test_a08_a_cycle_without_a_loop_is_refused",
    "A9": "test_a09_a_loop_stands_as_its_start_and_its_end",
    "A10": "test_a10_edges_of_branches_keep_their_handles",
    "A11": "test_a11_a_parallel_expands_when_it_runs",
    "A12": "test_a12_max_concurrent_nodes_is_ten_unless_set",
    "A13": "test_a13_an_edge_to_nowhere_is_reported",
    "B14": "test_b14_a_chain_runs_node_by_node",
    "B15": "test_b15_a_diamond_joins_after_both_sides",
    "B16": "test_b16_no_more_run_than_the_limit_allows",
    "B17": "test_b17_a_failed_entry_skips_all_that_follows",
    "B18": "test_b18_one_live_feeder_is_enough",
    "B19": "test_b19_a_join_without_a_live_feeder_is_skipped",
    "B20": "test_b20_a_join_runs_on_what_there_is_and_the_run_still_fails",
    "B21": "test_b21_a_retry_is_ready_again_and_skips_nothing",
    "B22": "test_b22_error_texts_are_kept_verbatim",
    "B23": "test_b23_nested_branches_and_a_parallel_part_merge_once",
    "B24": "test_b24_a_node_is_in_one_state_and_the_counts_add_up",
    "B25": "test_b25_a_join_waits_for_the_slowest_of_ten",
    "B26": "test_b26_branches_see_the_input_and_not_each_other",
    "B27": "test_b27_concurrency_is_the_setting",
    "B28": "test_b28_five_hundred_independent_nodes_finish",
    "B29": "test_b29_the_smallest_graphs_complete",
    "B30": "test_b30_a_body_starts_each_round_clean",
    "C31": "test_c31_operators_of_the_conditional",
    "C32": "test_c32_operators_of_the_engine",
    "C33": "test_c33_the_true_branch_runs_and_the_join_follows",
    "C34": "test_c34_skipping_goes_down_the_branch_and_stops_at_the_merge",
    "C35": "test_c35_a_branch_straight_into_the_merge",
    "C36": "test_c36_a_condition_tells_what_it_compared",
    "C37": "test_c37_a_missing_variable_is_empty_and_no_error",
    "C38": "test_c38_the_node_and_the_engine_agree",
    "C39": "test_c39_a_switch_takes_one_case",
    "C40": "test_c40_cases_are_matched_loosely",
    "C41": "test_c41_a_case_may_be_a_template",
    "C42": "test_c42_branches_of_different_length",
    "C43": "test_c43_a_switch_behind_a_switch",
    "C44": "test_c44_a_switch_that_throws_and_a_case_that_throws",
    "C45": "test_c45_a_router_takes_one_route",
    "C46": "test_c46_replies_that_are_not_what_was_asked",
    "C47": "test_c47_routes_lead_on_and_a_route_without_an_edge_ends_quietly",
    "D48": "test_d48_for_each_gives_results_in_order",
    "D49": "test_d49_what_a_round_knows_about_itself",
    "D50": "test_d50_none_one_and_many",
    "D51": "test_d51_what_cannot_be_repeated_over",
    "D52": "test_d52_while",
    "D53": "test_d53_what_a_round_sets_the_next_one_sees",
    "D54": "test_d54_loops_within_loops",
    "D55": "test_d55_choices_break_and_continue_within_a_loop",
    "D56": "test_d56_over_what_a_node_before_it_fetched",
    "D57": "test_d57_one_bad_item_ends_the_loop_or_is_kept_as_an_error",
    "E58": "test_e58_a_failure_takes_the_error_edge",
    "E59": "test_e59_without_a_failure_the_error_path_is_skipped",
    "E60": "test_e60_primary_and_fallback",
    "E61": "test_e61_an_optional_service_may_fail_a_required_one_may_not",
    "E62": "test_e62_siblings_finish_when_one_fails",
    "E63": "test_e63_an_error_tells_where_when_and_on_what",
    "E64": "test_e64_what_is_tried_again",
    "E65": "test_e65_a_timeout_names_the_limit_and_stops_one_branch_only",
    "E66": "test_e66_a_provider_that_fails_five_times_is_left_alone",
    "F67": "test_f67_a_large_output_is_shown_shortened_and_read_whole",
    "F68": "test_f68_what_no_longer_fits_is_stored_and_still_read",
    "F69": "test_f69_going_on_never_changes_an_older_snapshot",
    "F70": "test_f70_which_name_wins",
    "F71": "test_f71_outputs_are_the_output_nodes_else_the_variables",
    "F72": "test_f72_shared_memory_has_limits_and_operations",
    "G73": "test_g73_a_pause_holds_what_has_not_started",
    "G74": "test_g74_resuming_may_change_variables",
    "G75": "test_g75_cancelling_wins_over_a_pause_and_keeps_what_there_is",
    "G76": "test_g76_an_answer_is_the_output_and_a_variable",
    "G77": "test_g77_a_value_that_is_there_already_asks_nobody",
    "G78": "test_g78_two_reviews_one_after_the_other",
    "G79": "test_g79_answers_that_come_early",
    "G80": "test_g80_answers_are_read_as_what_was_asked_for",
    "G81": "test_g81_what_can_be_asked_at_any_time",
    "H82": "test_h82_events_travel_as_frames",
    "H83": "test_h83_a_reader_comes_back_where_it_was",
    "H84": "test_h84_every_reader_gets_the_whole_text",
    "H85": "test_h85_a_snapshot_is_the_whole_state",
    "H86": "test_h86_a_log_entry_per_attempt",
    "I87": "test_i87_usage_is_counted_and_nothing_is_reserved",
    "J88": "test_j88_http_sends_what_the_author_wrote",
    "J89": "test_j89_transform_operations",
    "J90": "test_j90_code_runs_on_its_inputs",
    "J91": "test_j91_wait_asks_to_go_on_later",
    "J92": "test_j92_output_formats",
    "N93": "test_n93_numbers_are_summed_filtered_and_routed",
    "N94": "test_n94_transforms_and_an_output_of_fields",
    "N95": "test_n95_map_filter_aggregate_deduplicate",
    "N96": "test_n96_routers_conditions_and_an_uploaded_file",
    "N97": "test_n97_http_and_a_branch_to_another_source",
    "N98": "test_n98_hello_world",
}
"""Letter of the section and number of the scenario, to the test that plays it. Further tests share its prefix."""

OUT_OF_SCOPE = {"I87": "credits"}
"""What the issue leaves out: the test asserts what flowray has instead."""


def _modules() -> dict[str, ModuleType]:
    """By letter."""
    files = sorted(Path(__file__).parent.glob("test_?_*.py"))
    return {file.name[5].upper(): import_module(f"tests.scenarios.{file.stem}") for file in files}


def _expected_failures(test: Callable[..., Any]) -> Iterator[str]:
    """The issue that each strict xfail of a test, or of one of its cases, waits for."""
    marks = list(getattr(test, "pytestmark", ()))
    cases = [case for mark in marks if mark.name == "parametrize" for case in mark.args[1]]
    marks += [mark for case in cases for mark in getattr(case, "marks", ())]
    for mark in marks:
        if mark.name == "xfail" and (not mark.args or mark.args[0]):
            assert mark.kwargs["strict"] is True
            yield mark.kwargs["reason"].partition(":")[0]


def test_each_of_the_98_scenarios_has_its_test(capsys: pytest.CaptureFixture[str]) -> None:
    """All names exist and say what they expect; the counts are printed."""
    modules = _modules()
    assert [int(scenario[1:]) for scenario in INDEX] == list(range(1, 99))
    whole: Counter[str] = Counter()
    partly: Counter[str] = Counter()
    for scenario, name in INDEX.items():
        prefix = f"test_{scenario[0].lower()}{int(scenario[1:]):02}_"
        tests = {key: value for key, value in vars(modules[scenario[0]]).items() if key.startswith(prefix)}
        assert name in tests, f"{scenario} has no {name}"
        assert all(test.__doc__ for test in tests.values()), f"{scenario} does not say what it expects"
        waits_for = {key: set(_expected_failures(test)) for key, test in tests.items()}
        if waits_for[name]:
            whole[next(iter(waits_for[name]))] += 1
        else:
            partly.update(set().union(*waits_for.values()))
    scope = len(OUT_OF_SCOPE)
    with capsys.disabled():
        print(f"\nscenarios: {len(INDEX)}: {len(INDEX) - sum(whole.values()) - scope} must pass, {scope} out of scope")
        print(f"  expected to fail until its issue: {dict(whole)}; in part: {dict(partly)}")
    assert sum(whole.values()) <= 2
    assert OUT_OF_SCOPE.keys() < INDEX.keys()


def test_no_scenario_is_played_beside_the_index() -> None:
    """Every test of these modules belongs to a scenario."""
    numbered = re.compile(r"test_([a-z])(\d\d)_")
    for letter, module in _modules().items():
        for name in vars(module):
            if name.startswith("test_"):
                found = numbered.match(name)
                assert found is not None
                assert found[1].upper() == letter
                assert f"{letter}{int(found[2])}" in INDEX
