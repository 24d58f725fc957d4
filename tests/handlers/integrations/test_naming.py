"""Names of providers and operations: their spelling does not matter, near names are looked up, nothing is guessed."""

from __future__ import annotations

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.integrations.naming import find_operation, plain, provider_name, slug, unknown_provider

SLACK = ("sendMessage", "listChannels")


@pytest.mark.parametrize("written", ["google_sheets", "GoogleSheets", " google-sheets ", "Google Sheets", "gsheets"])
def test_a_provider_is_found_in_any_spelling(written: str) -> None:
    assert provider_name(written) == "google-sheets"


def test_a_provider_that_nobody_knows_keeps_its_name() -> None:
    assert provider_name("Acme_CRM") == "acme-crm"
    assert slug("../etc/passwd") == "etc-passwd"
    assert plain("send_Message-2") == "sendmessage2"


@pytest.mark.parametrize("written", ["sendMessage", "send_message", "SendMessage", "send-message"])
def test_an_operation_is_found_in_any_spelling(written: str) -> None:
    assert find_operation("slack", written, SLACK).operation == "sendMessage"


def test_a_near_name_renames_parameters_and_adds_what_it_implies() -> None:
    found = find_operation("salesforce", "getOpportunity", ("getRecord", "updateRecord"))
    assert found.operation == "getRecord"
    assert found.applied({"opportunityId": "006"}) == {"objectType": "Opportunity", "recordId": "006"}
    assert find_operation("slack", "sendDirectMessage", SLACK).applied({"userId": "U1"}) == {"channel": "U1"}


def test_what_is_given_wins_over_what_a_near_name_implies() -> None:
    found = find_operation("zendesk", "addInternalNote", ("addTicketComment",))
    assert found.applied({"body": "x"}) == {"public": False, "body": "x"}
    assert found.applied({"public": True}) == {"public": True}


def test_a_near_name_counts_only_where_its_operation_exists() -> None:
    with pytest.raises(FlowrayError) as caught:
        find_operation("slack", "postMessage", ("listChannels",))
    assert caught.value.code == ErrorCode.UNKNOWN_OPERATION


def test_an_unknown_operation_names_what_is_spelled_alike() -> None:
    with pytest.raises(FlowrayError) as caught:
        find_operation("slack", "listChanels", SLACK)
    error = caught.value
    assert error.code == ErrorCode.UNKNOWN_OPERATION
    assert error.message == "slack has no operation 'listChanels'; did you mean listChannels?"
    assert error.details["near"] == ["listChannels"]
    assert "sendMessage" in (error.hint or "")


def test_an_unknown_provider_names_what_is_spelled_alike() -> None:
    error = unknown_provider("slak", ["slack", "jira"])
    assert error.message == "there is no provider 'slak'; did you mean slack?"
