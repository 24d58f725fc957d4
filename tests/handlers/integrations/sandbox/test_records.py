"""Lists of the sandbox, filtered and paged."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.handlers.integrations.sandbox.fixtures import FilterableData
from flowray.handlers.integrations.sandbox.records import page_of

PEOPLE: list[dict[str, Any]] = [
    {
        "name": f"p{number}",
        "age": 20 + number,
        "tags": ["x"] if number % 2 else ["y"],
        "_status": "on" if number < 3 else "off",
    }
    for number in range(5)
]


def data(filter_config: dict[str, Any] | None = None, **more: Any) -> FilterableData:
    return FilterableData(records=PEOPLE, records_field="people", filter_config=filter_config or {}, **more)


def names(found: dict[str, Any]) -> list[str]:
    return [record["name"] for record in found["people"]]


def test_hidden_fields_are_filtered_by_and_never_shown() -> None:
    generic = data({"type": "generic", "filterableFields": ["_status", "tags"]})
    found = page_of(generic, {"status": "ON"})
    assert found == {"people": [{"name": f"p{n}", "age": 20 + n, "tags": ["x"] if n % 2 else ["y"]} for n in range(3)]}
    assert names(page_of(generic, {"status": "on", "tags": "x"})) == ["p1"]
    assert names(page_of(generic, {"tags": ["x", "z"]})) == ["p1", "p3"]
    assert len(names(page_of(generic, {"status": "", "other": 1}))) == 5


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"minor": "21"}, ["p1"]),
        ({"title": "P4"}, ["p4"]),
        ({"title": "p", "minor": 23}, ["p3"]),
        ({"minor": "any"}, ["p0", "p1", "p2", "p3", "p4"]),
    ],
    ids=str,
)
def test_rules_by_parameter(parameters: dict[str, Any], expected: list[str]) -> None:
    rules = {"minor": {"type": "number", "field": "age"}, "title": {"type": "text", "field": "name"}}
    assert names(page_of(data(rules), parameters)) == expected


def test_pages_follow_each_other_until_the_last() -> None:
    paged = data(default_page_size=2, max_page_size=3, page_size_param="size", offset_field="next")
    first = page_of(paged, {})
    assert (names(first), first["next"]) == (["p0", "p1"], "2")
    second = page_of(paged, {"offset": first["next"], "size": 99})
    assert names(second) == ["p2", "p3", "p4"]
    assert "next" not in second
    assert names(page_of(data(default_page_size=2, offset_param="page"), {"page": 2})) == ["p2", "p3"]
    assert names(page_of(paged, {"size": "none", "offset": 9})) == []


def test_airtable_formulas_and_views() -> None:
    rows = [
        {"fields": {"Status": "Active", "N": 1}, "_views": ["All", "Mine"]},
        {"fields": {"Status": "Done", "N": 2}, "_views": ["All"]},
    ]
    airtable = FilterableData(records=rows, records_field="records", filter_config={"type": "airtable"})
    assert page_of(airtable, {"filterByFormula": "{Status} = 'Active'"}) == {"records": [{"fields": rows[0]["fields"]}]}
    assert page_of(airtable, {"filterByFormula": "AND({Status} != 'Active', {N} = 2)"})["records"] == [
        {"fields": rows[1]["fields"]}
    ]
    assert len(page_of(airtable, {"view": "Mine"})["records"]) == 1  # type: ignore[arg-type]


def test_hubspot_filter_groups() -> None:
    rows = [{"properties": {"email": "a@acme.com", "city": "Ulm"}}, {"properties": {"email": "b@b.com"}}]
    hubspot = FilterableData(records=rows, records_field="results", filter_config={"type": "hubspot"})

    def found(*filters: dict[str, str]) -> Any:
        return page_of(hubspot, {"filterGroups": [{"filters": list(filters)}]})["results"]

    assert found({"propertyName": "email", "operator": "CONTAINS_TOKEN", "value": "*@acme.com"}) == rows[:1]
    assert found({"propertyName": "email", "operator": "EQ", "value": "b@b.com"}) == rows[1:]
    assert found({"propertyName": "city", "operator": "HAS_PROPERTY"}) == rows[:1]
    assert found({"propertyName": "email", "operator": "NEQ", "value": "b@b.com"}) == rows[:1]
    assert page_of(hubspot, {})["results"] == rows
