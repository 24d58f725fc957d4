"""Configs from signatures: types, defaults, descriptions, names that pydantic keeps for itself."""

from __future__ import annotations

from threading import Event
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

from flowray.errors import ErrorCode, FlowrayError
from flowray.sdk.signature import parameters_of


class Address(BaseModel):
    street: str
    number: int = 1


def deliver(
    address: Address,
    max_weight: float = 2.5,
    kind: Literal["post", "courier"] = "post",
    *,
    ctx: Any,
    note: str | None = None,
) -> None:
    """Deliver a parcel.

    Args:
        max_weight: In kilograms.
        kind (str): Who brings it.
    """


def test_parameters_become_camel_case_fields_with_types_defaults_and_descriptions() -> None:
    parameters = parameters_of(deliver)
    schema = parameters.model.model_json_schema(by_alias=True)
    assert list(schema["properties"]) == ["address", "maxWeight", "kind", "note"]
    assert schema["required"] == ["address"]
    assert schema["properties"]["maxWeight"] == {
        "default": 2.5, "description": "In kilograms.", "title": "Maxweight", "type": "number",
    }  # fmt: skip
    assert schema["properties"]["kind"]["enum"] == ["post", "courier"]
    assert schema["properties"]["kind"]["description"] == "Who brings it."
    assert parameters.wants_context
    assert parameters.model.__name__ == "DeliverConfig"


def test_a_config_becomes_arguments_of_the_declared_types() -> None:
    parameters = parameters_of(deliver)
    config = parameters.model.model_validate({"address": {"street": "Elm"}, "maxWeight": "7", "outputVariable": "x"})
    args, kwargs = parameters.arguments(config, "the context")
    assert args == []
    assert kwargs == {
        "address": Address(street="Elm"), "max_weight": 7.0, "kind": "post", "note": None, "ctx": "the context",
    }  # fmt: skip
    with pytest.raises(ValidationError):
        parameters.model.model_validate({"address": {"street": "Elm"}, "kind": "drone"})


def test_positional_only_parameters_and_any_further_fields() -> None:
    def add(first: int, second: int, /, **rest: Any) -> None: ...

    parameters = parameters_of(add)
    config = parameters.model.model_validate({"first": 1, "second": 2, "third": 3})
    assert parameters.arguments(config, None) == ([1, 2], {"third": 3})


def test_names_that_models_keep_for_themselves_stay_as_they_are_in_json() -> None:
    def parse(schema: str, copy: bool = False, model_config: str = "m") -> None: ...

    parameters = parameters_of(parse)
    config = parameters.model.model_validate({"schema": "s", "copy": True, "modelConfig": "n"})
    assert parameters.arguments(config, None)[1] == {"schema": "s", "copy": True, "model_config": "n"}


def test_a_description_beside_the_type_wins() -> None:
    def shout(text: Annotated[str, Field(description="What to say.", min_length=2)]) -> None:
        """:param text: Something else."""

    field = parameters_of(shout).model.model_json_schema()["properties"]["text"]
    assert (field["description"], field["minLength"]) == ("What to say.", 2)


def test_sphinx_descriptions() -> None:
    def shout(text: str) -> None:
        """Shout.

        :param text: What to say.
        """

    assert parameters_of(shout).model.model_json_schema()["properties"]["text"]["description"] == "What to say."


def takes_all(*items: int) -> None: ...


def takes_unknown(x: Nowhere) -> None: ...  # type: ignore[name-defined] # noqa: F821


@pytest.mark.parametrize(
    ("function", "problem"),
    [(takes_all, "*items has no place"), (takes_unknown, "annotations cannot be read")],
)
def test_what_no_config_can_be_made_of_is_refused(function: Any, problem: str) -> None:
    with pytest.raises(FlowrayError, match="cannot be a node") as caught:
        parameters_of(function)
    assert caught.value.code is ErrorCode.CONFIGURATION
    assert problem in caught.value.message


def test_a_type_without_a_schema_is_refused() -> None:
    def dig(hole: Any) -> None: ...

    dig.__annotations__["hole"] = Event
    with pytest.raises(FlowrayError, match="no JSON Schema"):
        parameters_of(dig)
