"""The ``subworkflow`` node: asks the engine to run another workflow and to wait for it. It starts nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.definition.policies import Lane
from flowray.engine.signals import ChildCall, Signals
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig, config_of, number_of, rename
from flowray.values import Json, decode_json

LATEST = frozenset({"", "latest", "deployed", "live", "current"})
"""Ways to say that no version is pinned, lower case."""

MOST_KEY_CHARS = 200


class SubworkflowConfig(NodeConfig):
    """Which workflow, in which version, with which inputs. Exactly one of ``workflowId`` and ``definition``."""

    workflow_id: str | None = Field(None, description="Id of a stored workflow.")
    version: Any = Field(None, description="The version to pin the call to; latest if left out.")
    definition: dict[str, Any] | None = Field(
        None, description="The workflow itself. Its templates are its own: they are filled when it runs."
    )
    inputs: Any = Field(None, description="An object, its JSON text, or [{name, value}]; values may be templates.")
    output_key: str = Field("", description="Puts the child's outputs under this key of the node's output.")
    deadline: Any = Field(None, description="ISO 8601 or ms since the epoch; the caller's deadline may be earlier.")
    idempotency_key: Any = Field(
        "", description="Executions that call the same workflow under the same key wait for one child, started once."
    )

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(
            values, workflowId=("workflow_id", "workflow", "subworkflowId", "childWorkflowId"),
            inputs=("inputMapping", "input_mapping", "inputMappings", "input", "parameters"),
            version=("workflowVersion", "workflow_version"), definition=("workflowDefinition", "inlineDefinition"),
        )  # fmt: skip
        if isinstance(given, dict) and isinstance(given.get("workflowId"), dict):
            # The picker of an editor writes what was picked, not only its id.
            picked = given["workflowId"]
            given["workflowId"] = picked.get("id", picked.get("value"))
        return given


def pinned_version(version: Json) -> int | None:
    """The version to call, None for the latest. Raises INVALID_NODE_CONFIG for what is no version."""
    if version is None or (isinstance(version, str) and version.strip().lower() in LATEST):
        return None
    number = number_of(version)
    if number is None or number != int(number) or number < 1:
        raise _wrong(f"{version!r} is no version: a number from 1, or latest")
    return int(number)


def child_inputs(inputs: Json) -> dict[str, Json]:
    """The inputs of the child. Raises INVALID_NODE_CONFIG for another shape."""
    if inputs is None or inputs == "":
        return {}
    if isinstance(inputs, str):
        try:
            inputs = decode_json(inputs)
        except ValueError as error:
            raise _wrong("inputs must be an object, its JSON text, or a list of {name, value}") from error
    if isinstance(inputs, dict):
        return inputs
    if isinstance(inputs, list) and all(isinstance(entry, Mapping) for entry in inputs):
        named = [(entry.get("name", entry.get("key")), entry.get("value")) for entry in inputs]
        if all(isinstance(name, str) and name for name, _ in named):
            return dict(named)
    raise _wrong("inputs must be an object, its JSON text, or a list of {name, value}")


def call_key(key: Json) -> str:
    """The idempotency key, empty for none. Raises INVALID_NODE_CONFIG for what is no key, such as a missing value."""
    if isinstance(key, int | float) and not isinstance(key, bool):
        key = str(key)
    if not isinstance(key, str):
        raise _wrong(f"idempotencyKey must be text, not {key!r}")
    if len(key) > MOST_KEY_CHARS:
        raise _wrong(f"idempotencyKey has {len(key)} characters; the limit is {MOST_KEY_CHARS}")
    return key


def deadline_ms(deadline: Json) -> int | None:
    """The deadline as ms since the epoch. Raises INVALID_NODE_CONFIG for what is no time."""
    if deadline is None or deadline == "":
        return None
    number = number_of(deadline)
    if number is not None:
        return round(number)
    try:
        moment = datetime.fromisoformat(str(deadline).strip())
    except ValueError as error:
        raise _wrong(f"{deadline!r} is no time: ISO 8601, or ms since the epoch") from error
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000)


def _wrong(message: str) -> FlowrayError:
    return FlowrayError(ErrorCode.INVALID_NODE_CONFIG, message, hint="see the config schema of 'subworkflow'")


class SubworkflowHandler:
    """Output: the child's outputs, or ``{outputKey: outputs}``."""

    node_type = NodeType(
        name="subworkflow",
        summary="Runs another workflow and waits for its outputs.",
        config_model=SubworkflowConfig,
        aliases=("workflow", "workflow_input", "subWorkflow", "sub-workflow", "sub_workflow"),
        lane=Lane.INLINE,
        computes=True,
        effects=Effects.NONE,
        fields=dict.fromkeys(("definition", "workflowDefinition", "inlineDefinition"), FieldKind.LITERAL),
    )

    def can_handle(self, type_name: str) -> bool:
        """``subworkflow`` and its aliases."""
        return type_name == self.node_type.name or type_name in self.node_type.aliases

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises INVALID_NODE_CONFIG. Whether the workflow is there, and takes the inputs, the start finds out."""
        config = config_of(node, SubworkflowConfig)
        if (config.workflow_id is None or not config.workflow_id.strip()) == (config.definition is None):
            raise _wrong("give exactly one of workflowId and definition")
        call = ChildCall(
            workflow_id=config.workflow_id.strip() if config.definition is None and config.workflow_id else None,
            version=pinned_version(config.version),
            definition=config.definition,
            inputs=child_inputs(config.inputs),
            deadline_ms=deadline_ms(config.deadline),
            output_key=config.output_key,
            idempotency_key=call_key(config.idempotency_key),
        )
        return NodeResult(signals=Signals(child=call))
