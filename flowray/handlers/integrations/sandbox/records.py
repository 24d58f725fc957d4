"""Lists of the sandbox: recorded records, filtered and paged as a call asks. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flowray.expressions.conversions import parse_number
from flowray.handlers.integrations.sandbox.fixtures import FilterableData
from flowray.values import Json

_FORMULA = re.compile(r"\{([^}]+)\}\s*(=|!=)\s*(?:'([^']*)'|\"([^\"]*)\"|(-?\d+(?:\.\d+)?))")
"""Airtable's formulas as far as the sandbox reads them: one comparison, or several that AND( ) holds."""


def page_of(data: FilterableData, parameters: Mapping[str, Json]) -> dict[str, Json]:
    """``{records_field: [...], offset_field?: "n"}``: the page that the parameters ask for."""
    found = [record for record in data.records if _matches(data, record, parameters)]
    size = min(_whole(parameters.get(data.page_size_param), data.default_page_size), data.max_page_size)
    begin = _offset(data, parameters)
    page = found[begin : begin + size]
    answer: dict[str, Json] = {data.records_field: [_shown(record) for record in page]}
    if begin + len(page) < len(found) and page:
        answer[data.offset_field or "nextOffset"] = str(begin + len(page))
    return answer


def _shown(record: Mapping[str, Any]) -> dict[str, Json]:
    return {name: value for name, value in record.items() if not name.startswith("_")}


def _offset(data: FilterableData, parameters: Mapping[str, Json]) -> int:
    names = [data.offset_param] if data.offset_param else ["offset", "cursor", "pageToken", data.offset_field or ""]
    given = next((parameters[name] for name in names if name in parameters), None)
    number = _whole(given, 0, least=0)
    if data.offset_param == "page":
        return 0 if number <= 1 else (number - 1) * data.default_page_size
    return number


def _whole(value: Json, default: int, least: int = 1) -> int:
    number = parse_number(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | float):
        return default
    return max(int(number), least)


def _matches(data: FilterableData, record: Mapping[str, Any], parameters: Mapping[str, Json]) -> bool:
    config = data.filter_config
    match config.get("type"):
        case "airtable":
            return _airtable(record, parameters)
        case "hubspot":
            return _hubspot(record, parameters)
        case "generic":
            return all(_agrees(record, name, parameters) for name in config.get("filterableFields", ()))
    rules = {name: rule for name, rule in config.items() if isinstance(rule, Mapping)}
    return all(_by_rule(record, rule, name, parameters.get(name)) for name, rule in rules.items())


def _agrees(record: Mapping[str, Any], name: str, parameters: Mapping[str, Json]) -> bool:
    """A hidden field ``_status`` is asked for as ``status``."""
    wanted = parameters.get(name.lstrip("_"))
    if wanted in (None, "", []):
        return True
    return _same(record.get(name), wanted)


def _by_rule(record: Mapping[str, Any], rule: Mapping[str, Any], name: str, wanted: Json) -> bool:
    if wanted in (None, "", "any", "all"):
        return True
    value = record.get(rule.get("field", name))
    if rule.get("type") == "text":
        return str(wanted).lower() in str(value or "").lower()
    return _same(value, wanted)


def _same(value: Any, wanted: Json) -> bool:
    """Equal as text, without case; of lists, one that both have is enough."""
    values = value if isinstance(value, list) else [value]
    among = wanted if isinstance(wanted, list) else [wanted]
    return not {_text(item) for item in values}.isdisjoint(_text(item) for item in among)


def _text(value: Any) -> str:
    return str(value).lower()


def _airtable(record: Mapping[str, Any], parameters: Mapping[str, Json]) -> bool:
    view = parameters.get("view")
    if view and view not in record.get("_views", ()):
        return False
    fields = record.get("fields", {})
    for name, sign, single, double, number in _FORMULA.findall(str(parameters.get("filterByFormula") or "")):
        if (_text(fields.get(name)) == _text(single or double or number)) != (sign == "="):
            return False
    return True


def _hubspot(record: Mapping[str, Any], parameters: Mapping[str, Json]) -> bool:
    """Filters of one group hold together; one group is enough."""
    groups = parameters.get("filterGroups")
    if not isinstance(groups, list) or not groups:
        return True
    properties = record.get("properties", {})
    return any(
        all(_hubspot_filter(properties, item) for item in group.get("filters", ())) for group in groups
    )  # fmt: skip


def _hubspot_filter(properties: Mapping[str, Any], item: Mapping[str, Any]) -> bool:
    value, wanted = _text(properties.get(item.get("propertyName", ""))), _text(item.get("value"))
    match item.get("operator"):
        case "NEQ":
            return value != wanted
        case "CONTAINS_TOKEN":
            return wanted.strip("*") in value
        case "HAS_PROPERTY":
            return item.get("propertyName") in properties
    return value == wanted
