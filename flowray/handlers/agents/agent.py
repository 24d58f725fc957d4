"""The ``agent`` node: a model that calls tools, step by step. A call of the model is a step, and one of a tool.

A step is committed before the next one begins, so a crash repeats one call at most, with the same idempotency key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.engine.signals import Answer, Signals, Step, Usage, VariableOperation
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.agents import approval
from flowray.handlers.agents.calling import Outcome, call
from flowray.handlers.agents.config import AgentConfig
from flowray.handlers.agents.journal import Journal, ToolCall, kept, restored
from flowray.handlers.agents.model import Turn, ask, first_messages
from flowray.handlers.agents.results import final_output, record_of, result_text
from flowray.handlers.agents.threads import addition, said_before
from flowray.handlers.agents.tools import Tool, find_tools
from flowray.handlers.ai.asking import provider_limit
from flowray.handlers.handler import NodeInput, NodeResult, Streaming
from flowray.handlers.node_config import config_of
from flowray.values import Json


class AgentHandler:
    """Output: ``{content, text, model, provider, tokens, usage, toolCalls: {list, count}, iterations, stopReason}``;
    ``data``, and its fields beside it, where a schema was given; ``cost`` where prices are known.

    ``stopReason``: answer, max_iterations, token_budget, max_duration, stop_tool or stop_phrase. Each entry of
    ``toolCalls.list``: ``{id, name, arguments, result | error, startTime, endTime, duration}``, the last in ms.
    """

    node_type = NodeType(
        name="agent",
        summary="Lets a language model call tools until it has an answer; goes on where it was after a crash.",
        config_model=AgentConfig,
        category="ai",
        aliases=("aiAgent", "ai-agent", "toolAgent"),
        effects=Effects.WRITE,
        streams=True,
        default_limit=provider_limit,
        reads_shared=True,
        fields=dict.fromkeys(
            ("provider", "fallbacks", "outputSchema", "responseFormat", "jsonSchema", "stopTools", "stopPhrases"),
            FieldKind.LITERAL,
        ),
    )

    def can_handle(self, type_name: str) -> bool:
        """``agent`` and its aliases."""
        return type_name == self.node_type.name or type_name in self.node_type.aliases

    async def execute(self, node: NodeInput) -> NodeResult:
        """One step. Raises as the model's provider does; NODE_FAILED once too many tools in a row have failed."""
        return await _Run(node, config_of(node, AgentConfig)).step()


class _Run:
    """One step of one agent."""

    def __init__(self, node: NodeInput, config: AgentConfig) -> None:
        self.node, self.config = node, config
        self.journal = restored(node.journal) if node.step else Journal()
        self.tools: dict[str, Tool] = {}
        self.variables: list[VariableOperation] = []
        self.spent: Usage | None = None

    async def step(self) -> NodeResult:
        """Whatever is next: an answer that was awaited, tools that are due, or the model."""
        journal, node = self.journal, self.node
        found = await find_tools(node, _as_written(node, self.config), journal.listed)
        self.tools = {tool.name: tool for tool in found}
        if not node.step:
            journal.started_at = node.now_ms()
            before = await said_before(node, self.config.thread_id) if self._thread and self.config.thread_id else []
            journal.messages = [*before, *first_messages(self.config)]
        if node.answer is not None:
            done = await self._answered(node.answer)
            if done is not None:
                return done
        if self._is_over_time():
            return await self._end("max_duration")
        return await self._call_tools() if journal.due else await self._ask_model()

    @property
    def _thread(self) -> bool:
        return self.config.thread_id is not None and self.config.memory_type != "none"

    def _is_over_time(self) -> bool:
        limit = self.config.max_duration_ms
        return limit is not None and self.node.now_ms() - self.journal.started_at >= limit

    # -- the model --------------------------------------------------------------------------------------------------

    async def _ask_model(self) -> NodeResult:
        journal, config = self.journal, self.config
        used = journal.usage.input_tokens + journal.usage.output_tokens
        if config.max_total_tokens is not None and used >= config.max_total_tokens:
            return await self._end("token_budget")
        is_last = journal.iterations + 1 >= config.max_iterations
        turn = await ask(self.node, config, journal, list(self.tools.values()), must_answer=is_last)
        self._note_turn(turn)
        stopped = any(phrase in turn.text for phrase in config.stop_phrases)
        if turn.calls and not is_last and not stopped:
            names = ", ".join(one.name for one in turn.calls)
            shown: Json = {
                "text": turn.text,
                "toolCalls": [{"name": c.name, "arguments": c.arguments} for c in turn.calls],
            }
            return self._next(f"model → {names}", {"iteration": journal.iterations, "read": turn.read}, shown)
        if config.output_schema is not None and not stopped:
            problem = turn.problem_with(config.output_schema)
            if problem and not is_last:
                journal.messages.append({"role": "user", "content": problem})
                return self._next("model → corrected", {"iteration": journal.iterations}, {"text": turn.text})
            if problem:
                raise FlowrayError(
                    ErrorCode.NODE_FAILED, f"the agent's answer does not follow its schema: {problem}",
                    details={"answer": turn.text[:2_000]},
                )  # fmt: skip
        return await self._end("stop_phrase" if stopped else "max_iterations" if turn.calls else "answer")

    def _note_turn(self, turn: Turn) -> None:
        journal = self.journal
        journal.iterations += 1
        journal.messages.append(turn.message)
        journal.due = list(turn.calls)
        journal.text, journal.model, journal.provider = turn.text, turn.model, turn.provider
        self._spend(turn.usage)

    def _spend(self, usage: Usage | None) -> None:
        if usage is None:
            return
        self.spent = usage if self.spent is None else self.spent.plus(usage)
        journal = self.journal
        journal.usage = usage if journal.usage == Usage() else journal.usage.plus(usage)

    # -- tools ------------------------------------------------------------------------------------------------------

    async def _call_tools(self) -> NodeResult:
        """The first of the calls that are due; with it, if it changes nothing, all others that change nothing."""
        first = self.journal.due[0]
        tool = self.tools.get(first.name)
        if tool is not None and tool.config.require_approval and not first.approved and not first.problem:
            return self._ask_person(first, tool)
        batch = [first] if not self._may_run_beside(first) else [c for c in self.journal.due if self._may_run_beside(c)]
        now = self.node.now_ms()
        outcomes = await asyncio.gather(*(self._outcome(due) for due in batch))
        awaited: ToolCall | None = None
        signals = Signals()
        for due, outcome in zip(batch, outcomes, strict=True):
            due.started_at = due.started_at or now
            if outcome.signals is None:
                self._note(due, outcome)
            elif awaited is None:
                awaited, signals = due, outcome.signals
                due.waits = True
                self.variables += outcome.variables
            # A further one that has to wait has done nothing yet: it stays due, and is called again.
        self._check_errors()
        name = ", ".join(due.name for due in batch)
        shown_in: Json = [{"name": due.name, "arguments": due.arguments} for due in batch]
        shown: Json = self.journal.records[-len(batch) :] if awaited is None else {"waits": awaited.name}
        if awaited is None and (stop := self._stop_tool(batch)) is not None:
            return await self._end("stop_tool", stop)
        return self._next(name, shown_in, shown, signals)

    def _may_run_beside(self, due: ToolCall) -> bool:
        tool = self.tools.get(due.name)
        return tool is None or due.problem != "" or (tool.reads and not tool.config.require_approval)

    async def _outcome(self, due: ToolCall) -> Outcome:
        tool = self.tools.get(due.name)
        if due.problem:
            return Outcome(error=due.problem, code=ErrorCode.INVALID_INPUT)
        if tool is None:
            known = ", ".join(self.tools) or "none"
            return Outcome(error=f"there is no tool {due.name!r}; there are: {known}", code=ErrorCode.NOT_FOUND)
        return await call(self.node, tool, due)

    def _note(self, due: ToolCall, outcome: Outcome) -> None:
        """A call has come to its end: the model is told, and the output will show it."""
        journal = self.journal
        journal.errors = journal.errors + 1 if outcome.error else 0
        journal.records.append(record_of(due, outcome, self.node.now_ms()))
        journal.answer(due, result_text(outcome, self.config.max_result_chars))
        self.variables += outcome.variables
        self._spend(outcome.usage)

    def _check_errors(self) -> None:
        if self.journal.errors > self.config.max_tool_errors:
            last = self.journal.records[-1]
            raise FlowrayError(
                ErrorCode.NODE_FAILED,
                f"{self.journal.errors} calls of tools in a row have failed; the last one, of {last['name']!r}: "
                f"{last.get('error')}",
                details={"tool": last["name"], "code": last.get("code")},
                hint="maxToolErrors says how many the model may try to mend",
            )

    def _stop_tool(self, batch: Sequence[ToolCall]) -> Json | None:
        names = [due.name for due in batch if due.name in self.config.stop_tools]
        for record in reversed(self.journal.records[-len(batch) :]):
            if record["name"] in names and "error" not in record:
                found: Json = {"result": record["result"]}
                return found
        return None

    # -- waiting ----------------------------------------------------------------------------------------------------

    def _ask_person(self, due: ToolCall, tool: Tool) -> NodeResult:
        self.journal.approving = True
        pause = approval.question(self.node, due, tool, self.config.approval_timeout_ms)
        return self._next(
            f"approve {due.name}", {"name": due.name, "arguments": due.arguments}, None, Signals(pause=pause)
        )

    async def _answered(self, answer: Answer) -> NodeResult | None:
        """What was waited for has come: an approval lets the call go, anything else is its result."""
        journal = self.journal
        if journal.approving:
            journal.approving = False
            refusal = approval.apply(journal.due[0], answer)
            if refusal is None:
                return None
            self._note(journal.due[0], Outcome(error=refusal, code=ErrorCode.FORBIDDEN))
            journal.errors = 0  # Nothing is broken: a person has decided.
            return None
        due = next(due for due in journal.due if due.waits)
        error = answer.error
        outcome = Outcome(value=answer.output) if error is None else Outcome(error=error.message, code=error.code)
        self._note(due, outcome)
        self._check_errors()
        stop = self._stop_tool([due])
        return None if stop is None else await self._end("stop_tool", stop)

    # -- results ----------------------------------------------------------------------------------------------------

    def _next(self, name: str, shown_in: Json, shown: Json, signals: Signals = Signals()) -> NodeResult:  # noqa: B008
        step = Step(name=name[:200], state=kept(self.journal), input=shown_in)
        with_step = Signals(step=step, pause=signals.pause, wait=signals.wait, child=signals.child)
        return NodeResult(data=shown, signals=with_step, variables=tuple(self.variables), usage=self.spent)

    def _spoken(self, content: str) -> list[dict[str, Any]]:
        """What of this run belongs to the thread: what it was asked, and its answer. Calls are its own work."""
        return [*first_messages(self.config)[-1:], {"role": "assistant", "content": content}]

    async def _end(self, reason: str, result: Json = None) -> NodeResult:
        output = final_output(self.journal, self.config, reason, result)
        if self._thread and self.config.thread_id:
            self.variables += await addition(self.node, self.config.thread_id, self._spoken(output["content"]))
        return NodeResult(
            data=output, variables=tuple(self.variables), usage=self.spent,
            streaming=Streaming(self.node.stream_id, self.spent),
        )  # fmt: skip


def _as_written(node: NodeInput, config: AgentConfig) -> list[Any]:
    """The tools, with the workflows among them as they are written: their references are their own."""
    written = node.raw_config.get("tools")
    if not isinstance(written, list) or len(written) != len(config.tools):
        return list(config.tools)
    return [
        tool if tool.definition is None or not isinstance(raw, dict) else tool.model_copy(
            update={"definition": raw.get("definition") or raw.get("workflowDefinition") or tool.definition}
        )
        for tool, raw in zip(config.tools, written, strict=True)
    ]  # fmt: skip
