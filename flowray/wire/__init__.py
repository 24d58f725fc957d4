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
from flowray.wire.bulk import (
    BulkCancelRequest,
    BulkItem,
    BulkRequest,
    BulkRerunRequest,
    BulkResult,
    Metadata,
    MetadataOperationBody,
    MetadataRequest,
)
from flowray.wire.callbacks import (
    Callback,
    CallbackPage,
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
from flowray.wire.filters import ExecutionFilter
from flowray.wire.limits import (
    Limit,
    LimitDetail,
    LimitList,
    LimitRequest,
    LimitUse,
)
from flowray.wire.memory import (
    MemoryEntry,
    MemoryPage,
)
from flowray.wire.queues import (
    Queue,
    QueuePage,
    QueuePatch,
)
from flowray.wire.starts import (
    CancelRequest,
    ExecuteRequest,
    RerunRequest,
    RunFrom,
    StartOptions,
    StartRequest,
)
from flowray.wire.storage import Storage
from flowray.wire.system import (
    Health,
    Info,
    NodeTypeBody,
    NodeTypeList,
    Problem,
    ProblemItem,
)
from flowray.wire.triggers import (
    EventDelivery,
    EventRequest,
    FireRequest,
    Firing,
    FiringPage,
    HookAnswer,
    Publication,
    Trigger,
    TriggerPage,
    TriggerPatch,
    TriggerRequest,
)
from flowray.wire.waiting import (
    CompleteRequest,
    Completion,
    CreatedWaitpoint,
    CreateWaitpointRequest,
    ExecutionDocument,
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
    "BulkCancelRequest",
    "BulkItem",
    "BulkRequest",
    "BulkRerunRequest",
    "BulkResult",
    "Callback",
    "CallbackPage",
    "CancelRequest",
    "CompleteRequest",
    "Completion",
    "CreateWaitpointRequest",
    "CreatedWaitpoint",
    "DiagnosticBody",
    "ErrorBody",
    "EventBody",
    "EventDelivery",
    "EventPage",
    "EventRequest",
    "ExecuteRequest",
    "Execution",
    "ExecutionDocument",
    "ExecutionFilter",
    "ExecutionPage",
    "ExecutionStarted",
    "ExecutionStatusName",
    "FireRequest",
    "Firing",
    "FiringPage",
    "Health",
    "HookAnswer",
    "Info",
    "Limit",
    "LimitDetail",
    "LimitList",
    "LimitRequest",
    "LimitUse",
    "MemoryEntry",
    "MemoryPage",
    "Metadata",
    "MetadataOperationBody",
    "MetadataRequest",
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
    "Publication",
    "Queue",
    "QueuePage",
    "QueuePatch",
    "Request",
    "RequestedPause",
    "RerunRequest",
    "ResumeRequest",
    "RunFrom",
    "Snapshot",
    "StartOptions",
    "StartRequest",
    "Storage",
    "Trigger",
    "TriggerPage",
    "TriggerPatch",
    "TriggerRequest",
    "UsageBody",
    "Validation",
    "WaitingFor",
    "Waitpoint",
    "WaitpointPage",
    "Workflow",
    "WorkflowPage",
]
