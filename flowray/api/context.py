"""What the API is given, and what its routes share: services, options, and the state opened at start."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from flowray.api.compilation import WorkflowCompiler
from flowray.api.http.metrics import ApiMetrics, MetricsSource
from flowray.api.tokens import PublicTokens
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.operations import Integrations
from flowray.handlers.registry import NodeRegistry
from flowray.handlers.services import HttpTransport
from flowray.persistence.records import ExecutionRecord, WorkflowRecord
from flowray.persistence.writes import AnyResult, AnyWrite, Refused
from flowray.runtime.connections import Opener, no_opener
from flowray.runtime.identifiers import new_id
from flowray.runtime.interfaces import ExecutionDirectory

P = ParamSpec("P")
T = TypeVar("T")

PAGE_DIR = Path(__file__).parent / "page"


@dataclass(frozen=True)
class ApiOptions:
    """Limits of the API. ``max_body_bytes``: 16 MiB holds the largest definition (10,000 nodes) three times over.

    ``max_answer_bytes`` bounds the stored values that one answer resolves; larger ones stay descriptors.
    ``stream_silence_s``: how long a stream may be silent before a heartbeat; proxies cut at 30 to 60 s.
    """

    max_body_bytes: int = 16 * 1024 * 1024
    max_import_bytes: int = 256 * 1024 * 1024
    max_wait_s: float = 60.0
    stream_silence_s: float = 10.0
    max_batch_rows: int = 10_000
    batch_chunk_rows: int = 500
    max_answer_bytes: int = 16 * 1024 * 1024
    compiled_workflows: int = 256
    page_dir: Path = PAGE_DIR


@dataclass(frozen=True)
class AppServices:
    """Everything that ``create_app`` needs.

    ``directory`` is one that is open, or what opens one when the app starts; the app closes only one that it opened.
    ``runs_schedules``: schedules tick in this app, which on Ray they do in the hub.
    ``opener`` seals the secrets of connections; ``outside`` reaches other services to try one, and None cannot.
    ``info`` is merged into the answer of GET /v1/info. ``now_ms`` stamps new rows, ms since the epoch.
    """

    directory: ExecutionDirectory | Callable[[], Awaitable[ExecutionDirectory]]
    registry: NodeRegistry
    tokens: PublicTokens
    options: ApiOptions = ApiOptions()
    info: Mapping[str, Any] = field(default_factory=dict)
    metrics_source: MetricsSource | None = None
    now_ms: Callable[[], int] = lambda: int(time.time() * 1_000)
    new_id: Callable[[], str] = new_id
    runs_schedules: bool = False
    opener: Callable[[], Opener] = no_opener
    outside: Callable[[], tuple[HttpTransport, Integrations]] | None = None


@dataclass(frozen=True)
class ApiContext:
    """State of a running app, shared by all routes."""

    services: AppServices
    directory: ExecutionDirectory
    compiler: WorkflowCompiler
    metrics: ApiMetrics
    declared_limits: dict[str, tuple[int | None, int | None]] = field(default_factory=dict)
    """By queue, what definitions were last seen to say here about its limits."""

    @property
    def options(self) -> ApiOptions:
        """Limits."""
        return self.services.options

    async def read(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a method of the (synchronous) reader in a thread."""
        return await run_in_threadpool(function, *args, **kwargs)

    async def execution(self, execution_id: str) -> ExecutionRecord:
        """The execution's row. Raises NOT_FOUND."""
        record = await self.read(self.directory.reader.execution, execution_id)
        if record is None:
            raise not_found("execution", execution_id)
        return record

    async def workflow(self, workflow_id: str) -> WorkflowRecord:
        """The workflow's row. Raises NOT_FOUND."""
        record = await self.read(self.directory.reader.workflow, workflow_id)
        if record is None:
            raise not_found("workflow", workflow_id)
        return record

    async def write(self, write: AnyWrite) -> AnyResult:
        """Commit one write. Raises what a refusal names."""
        (result,) = await self.directory.write([write])
        return accepted(result)

    async def remove(self, write: AnyWrite) -> None:
        """Commit the deletion of what was there a moment ago. That it is gone by now is no error: the answer to a first
        commit may have been lost."""
        try:
            await self.write(write)
        except FlowrayError as error:
            if error.code is not ErrorCode.NOT_FOUND:
                raise


def accepted(result: AnyResult) -> AnyResult:
    """``result`` unless it is a refusal, which is raised under its own code."""
    if isinstance(result, Refused):
        code = ErrorCode(result.code) if result.code in ErrorCode.__members__ else ErrorCode.INTERNAL
        raise FlowrayError(code, result.detail or f"refused: {result.code}")
    return result


def not_found(what: str, its_id: str) -> FlowrayError:
    """NOT_FOUND for an id that nothing has."""
    return FlowrayError(
        ErrorCode.NOT_FOUND,
        f"there is no {what} {its_id[:200]!r}",
        details={"execution_id": its_id[:200]} if what == "execution" else {},
    )


async def api_context(request: Request) -> ApiContext:
    """FastAPI dependency, of nearly every route. Raises RUNTIME_UNAVAILABLE before the app has started.

    It awaits nothing: FastAPI calls a plain function in a thread, which takes as long as the rest of its own work.
    """
    context: ApiContext | None = getattr(request.app.state, "context", None)
    if context is None:
        raise FlowrayError(ErrorCode.RUNTIME_UNAVAILABLE, "the server is still starting", retryable=True)
    return context


Context = Annotated[ApiContext, Depends(api_context)]
