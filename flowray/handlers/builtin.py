"""The node types flowray comes with: one line each. To add one, write its module and list it here; nothing else."""

from __future__ import annotations

from flowray.handlers.conditional import ConditionalHandler
from flowray.handlers.handler import NodeHandler
from flowray.handlers.http import HttpHandler
from flowray.handlers.human_review import HumanReviewHandler
from flowray.handlers.input import InputHandler
from flowray.handlers.llm import LlmHandler
from flowray.handlers.loop import LoopHandler
from flowray.handlers.loop_control import BreakHandler, ContinueHandler
from flowray.handlers.note import NoteHandler
from flowray.handlers.output import OutputHandler
from flowray.handlers.parallel import ParallelHandler
from flowray.handlers.pause import PauseHandler
from flowray.handlers.response import ResponseHandler
from flowray.handlers.router import RouterHandler
from flowray.handlers.shared_memory import SharedMemoryHandler
from flowray.handlers.subworkflow import SubworkflowHandler
from flowray.handlers.switch import SwitchHandler
from flowray.handlers.transform.handler import TransformHandler
from flowray.handlers.trigger import TriggerHandler
from flowray.handlers.variable import VariableHandler
from flowray.handlers.variables import VariablesHandler
from flowray.handlers.wait import WaitHandler

_TYPES: tuple[type[NodeHandler], ...] = (
    InputHandler,
    TriggerHandler,
    OutputHandler,
    ResponseHandler,
    ConditionalHandler,
    SwitchHandler,
    RouterHandler,
    LoopHandler,
    ParallelHandler,
    BreakHandler,
    ContinueHandler,
    VariableHandler,
    VariablesHandler,
    SharedMemoryHandler,
    TransformHandler,
    WaitHandler,
    PauseHandler,
    HumanReviewHandler,
    SubworkflowHandler,
    HttpHandler,
    LlmHandler,
    NoteHandler,
)


def builtin_handlers() -> list[NodeHandler]:
    """A new handler of each built-in type. Handlers are stateless, so one per process is enough."""
    return [handler() for handler in _TYPES]
