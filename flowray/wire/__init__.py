"""Requests and answers of the HTTP API as models, shared by the API (documents, validation) and the client (parsing).

JSON is snake_case except inside definitions. Times are ISO 8601 in UTC. Not the place of any logic. Models of answers
keep fields they do not know, so that an older client reads a newer server.
"""

from __future__ import annotations

from flowray.wire.base import (
    Answer,
    ExecutionStatusName,
    Request,
)
from flowray.wire.batches import (
    Batch,
    BatchRequest,
    BatchResult,
    BatchStarted,
)
from flowray.wire.executions import (
    ErrorBody,
    EventBody,
    EventPage,
    Execution,
    ExecutionPage,
    ExecutionStarted,
    NodeAttempt,
    NodeAttemptPage,
    NodeUsage,
    Progress,
    PublicToken,
    RequestedPause,
    UsageBody,
    WaitingFor,
)
from flowray.wire.starts import (
    CancelRequest,
    ExecuteRequest,
    RerunRequest,
    RunFrom,
    StartOptions,
    StartRequest,
)
from flowray.wire.system import (
    Health,
    Info,
    NodeTypeBody,
    NodeTypeList,
    Problem,
    ProblemItem,
)
from flowray.wire.waiting import (
    CompleteRequest,
    Completion,
    PauseRequest,
    ResumeRequest,
    Snapshot,
    Waitpoint,
    WaitpointPage,
)
from flowray.wire.workflows import (
    DiagnosticBody,
    PlanView,
    Validation,
    Workflow,
    WorkflowPage,
)

__all__ = [
    "Answer",
    "Batch",
    "BatchRequest",
    "BatchResult",
    "BatchStarted",
    "CancelRequest",
    "CompleteRequest",
    "Completion",
    "DiagnosticBody",
    "ErrorBody",
    "EventBody",
    "EventPage",
    "ExecuteRequest",
    "Execution",
    "ExecutionPage",
    "ExecutionStarted",
    "ExecutionStatusName",
    "Health",
    "Info",
    "NodeAttempt",
    "NodeAttemptPage",
    "NodeTypeBody",
    "NodeTypeList",
    "NodeUsage",
    "PauseRequest",
    "PlanView",
    "Problem",
    "ProblemItem",
    "Progress",
    "PublicToken",
    "Request",
    "RequestedPause",
    "RerunRequest",
    "ResumeRequest",
    "RunFrom",
    "Snapshot",
    "StartOptions",
    "StartRequest",
    "UsageBody",
    "Validation",
    "WaitingFor",
    "Waitpoint",
    "WaitpointPage",
    "Workflow",
    "WorkflowPage",
]
