"""Manifests: what they mean, what is wrong with one, and that all that flowray brings are right."""

from __future__ import annotations

import jsonschema
import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.integrations.catalogue import Catalogue
from flowray.handlers.integrations.declarative.computed import COMPUTED
from flowray.handlers.integrations.declarative.manifest import as_operation, defaults_of, parse_manifest
from tests.fakes.services import fake_services

BUILT_IN = Catalogue(fake_services().http)
MANIFEST = """
title: Acme
base_url: https://acme.example
operations:
  list:
    summary: Lists.
    path: /list/{kind}
    parameters: {kind: string!, limit: integer=5, tags: "[string]", any: any, more: {type: string, enum: [a, b]}}
    pages: {items: items}
  make: {summary: Makes., method: POST, path: /make, open: true, trial: true}
"""


def test_parameters_in_short_are_json_schema() -> None:
    described = parse_manifest(MANIFEST, "acme").operations
    operation = as_operation("list", described["list"])
    assert operation.parameters == {
        "type": "object",
        "properties": {
            "kind": {"type": "string"},
            "limit": {"type": "integer", "default": 5},
            "tags": {"type": "array", "items": {"type": "string"}},
            "any": {},
            "more": {"type": "string", "enum": ["a", "b"]},
            "allPages": {"type": "boolean", "description": "Ask for all pages; the result is one list."},
        },
        "required": ["kind"],
        "additionalProperties": False,
    }
    assert (operation.reads_only, operation.experimental, operation.is_trial) == (True, True, False)
    assert defaults_of(operation) == {"limit": 5}
    make = as_operation("make", described["make"])
    assert (make.reads_only, make.is_trial, make.parameters["additionalProperties"]) == (False, True, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "the manifest of acme is wrong"),
        ("title: x", "operations: Field required"),
        ("title: x\nunknown: 1\noperations: {}", "unknown: Extra inputs are not permitted"),
        ("title: x\noperations: {a: {summary: s, path: /, method: FETCH}}", "operations.a.method: Input should be"),
    ],
)
def test_what_is_wrong_is_listed(text: str, message: str) -> None:
    with pytest.raises(FlowrayError) as caught:
        parse_manifest(text, "acme")
    assert caught.value.code == ErrorCode.CONFIGURATION
    assert message in caught.value.message


def test_a_parameter_that_is_described_by_nothing_known_is_named() -> None:
    manifest = parse_manifest("title: x\noperations: {a: {summary: s, path: /, parameters: {p: text}}}", "acme")
    with pytest.raises(FlowrayError, match="'text' describes no parameter 'p'"):
        as_operation("a", manifest.operations["a"])


def test_flowray_brings_these_providers() -> None:
    assert list(BUILT_IN) == [
        "airtable", "discord", "github", "gitlab", "gmail", "google-calendar", "google-drive", "google-sheets",
        "hubspot", "jira", "linear", "notion", "sendgrid", "slack", "stripe", "telegram", "twilio", "webhook",
    ]  # fmt: skip


@pytest.mark.parametrize("name", list(BUILT_IN))
async def test_what_flowray_brings_is_right(name: str) -> None:
    operations = await BUILT_IN[name].operations()
    for operation in operations.values():
        jsonschema.Draft202012Validator.check_schema(operation.parameters)
        assert operation.summary.endswith(".")
        # No account is here to run them against.
        assert operation.experimental
    trials = [operation for operation in operations.values() if operation.is_trial]
    # Neither has a call that needs no parameter.
    assert len(trials) == (0 if name in ("webhook", "google-sheets") else 1)
    assert all(operation.reads_only and not operation.parameters["required"] for operation in trials)


def test_what_manifests_compute_exists() -> None:
    assert list(COMPUTED) == ["mail_message"]
