"""For people: when each error code appears, and what to do. The generator turns this into docs/errors.md."""

from __future__ import annotations

from flowray.errors import ErrorCode

E = ErrorCode

GROUPS: dict[str, tuple[ErrorCode, ErrorCode]] = {
    "The request or the definition is wrong": (E.INVALID_DEFINITION, E.NOT_IMPLEMENTED),
    "A node failed": (E.UNKNOWN_NODE_TYPE, E.SIGNAL_UNSUPPORTED),
    "A limit was reached": (E.OUTPUT_TOO_LARGE, E.COLLECTION_INVALID),
    "The execution as a whole": (E.EXECUTION_TIMEOUT, E.EXECUTION_CRASHED),
    "flowray itself, or what it stands on": (E.FENCED, E.INTERNAL),
}
"""Heading → its first and last code, in the order of the enumeration."""

MEANINGS: dict[ErrorCode, tuple[str, str]] = {
    E.INVALID_DEFINITION: (
        "A definition cannot be compiled.",
        "`errors[]` lists every finding with node and JSON pointer; `flowray validate` shows the same.",
    ),
    E.INVALID_INPUT: ("Inputs do not fit the workflow.", "`errors[]` names each misfit by its JSON pointer."),
    E.INVALID_REQUEST: (
        "A parameter or body is well-formed but not what the call takes.",
        "Compare with `/openapi.json`. A wrong body is 422, a wrong parameter 400.",
    ),
    E.INVALID_CURSOR: (
        "A cursor or `Last-Event-ID` was not made by this server.",
        "Send cursors back unchanged, or begin without one.",
    ),
    E.MALFORMED_BODY: ("A body is not the JSON or YAML it claims to be.", "The message names the place."),
    E.BODY_TOO_LARGE: ("A body exceeds the limit, 16 MiB by default.", "Raise `FLOWRAY_MAX_BODY_BYTES`, or send less."),
    E.UNSUPPORTED_FORMAT: ("A content type that no call reads.", "Use `application/json` or `application/yaml`."),
    E.NOT_FOUND: ("There is nothing under this id or path.", "Ids are the server's; `GET` the list."),
    E.METHOD_NOT_ALLOWED: ("The path exists, the method does not.", "See `/openapi.json`."),
    E.NOT_ACCEPTABLE: ("`Accept` asks for a form that the call does not have.", "Leave the header out."),
    E.CONFLICT: ("The present state does not allow it.", "Look at the resource and decide again."),
    E.IDEMPOTENCY_MISMATCH: (
        "The same idempotency key came with another body.",
        "A new key for a new request; an unchanged body for a repeat.",
    ),
    E.EXECUTION_ENDED: ("The execution has ended already.", "Nothing is left to steer; read its outcome."),
    E.EXECUTION_NOT_ENDED: (
        "Only an execution that has ended can be run again or taken over from.",
        "Wait for its end, or cancel it.",
    ),
    E.INVALID_START_POINT: (
        "An execution cannot start, or end, at this node.",
        "`errors[]` names what is missing: pin it, or begin at an earlier node.",
    ),
    E.UNAUTHORIZED: ("A token is missing, malformed or expired.", "Get a new public token."),
    E.FORBIDDEN: ("The token is for something else.", "Use the token of this execution."),
    E.RATE_LIMITED: ("Too many requests.", "Wait as long as `Retry-After` says."),
    E.NOT_IMPLEMENTED: (
        "A later release brings it.",
        "docs/features.md says which issue; using it must not look like success until then.",
    ),
    E.UNKNOWN_NODE_TYPE: (
        "A node was reached whose type nothing here runs.",
        "`flowray nodes` lists the types; install the plugin, or correct the name.",
    ),
    E.INVALID_NODE_CONFIG: (
        "A node's resolved config does not fit its type.",
        "`flowray nodes TYPE` shows the schema.",
    ),
    E.EXPRESSION_ERROR: ("An expression cannot be evaluated.", "The message has the expression and the place."),
    E.EXPRESSION_TIMEOUT: ("An expression used up its time or memory.", "Make it do less; limits are published."),
    E.NODE_FAILED: ("A node failed in a way of its own.", "`details` has what the handler said."),
    E.NODE_TIMEOUT: (
        "An attempt took longer than `timeoutMs`, or was not begun within `startTimeoutMs` or for want of resources.",
        "Raise the limit, add a retry, or ask for resources that a node has.",
    ),
    E.NODE_LOST: (
        "The process of an attempt died, more often than is tried again.",
        "Look at the logs of the process.",
    ),
    E.HTTP_ERROR: ("An HTTP node got no answer.", "The message has the target and the reason."),
    E.HTTP_STATUS: ("An HTTP node got a status of 400 or more and `failOnStatus` is set.", "`details` has the answer."),
    E.PROVIDER_UNREACHABLE: ("A model provider cannot be reached.", "Check `base_url`; is the server running?"),
    E.PROVIDER_TIMEOUT: ("A provider did not answer in time.", "Retry, or raise the node's `timeoutMs`."),
    E.PROVIDER_RATE_LIMITED: (
        "A provider asks to slow down.",
        "Retried as `Retry-After` says if the node has a retry.",
    ),
    E.PROVIDER_AUTH: ("A provider refuses the key.", "Set the variable that the message names."),
    E.PROVIDER_REJECTED: ("A provider refuses the request.", "The message is the provider's."),
    E.PROVIDER_ERROR: ("A provider failed.", "Passing: a retry may help."),
    E.PROVIDER_CIRCUIT_OPEN: (
        "A provider failed five times in a row and is not asked for 30 s.",
        "See its last errors; name `fallbacks`, or a retry that waits.",
    ),
    E.STREAM_INTERRUPTED: ("A stream broke off before its end.", "Follow the execution again from its last event."),
    E.WAITPOINT_TIMEOUT: ("Nobody answered in time.", "Add an error edge, or a longer time-out."),
    E.VARIABLE_MISMATCH: (
        "An operation does not fit the present value or the declared type of a variable or shared memory entry.",
        "Convert the value first (`valueType`), or declare another type.",
    ),
    E.UNKNOWN_OPERATION: (
        "An integration names a provider or an operation that nobody provides.",
        "The message names what is spelled alike; add a manifest or an OpenAPI document for a provider of your own.",
    ),
    E.CONNECTION_NOT_FOUND: (
        "A node names a connection that its workspace does not have.",
        "flowray connections list shows what there is.",
    ),
    E.SIGNAL_UNSUPPORTED: ("A handler asked for something that this release cannot do.", "See docs/features.md."),
    E.OUTPUT_TOO_LARGE: ("One value exceeds 64 MiB.", "Store it elsewhere and pass its address."),
    E.CONTEXT_LIMIT_EXCEEDED: (
        "What an execution keeps, or what one node reads of stored values, is together more than the limit.",
        "Keep less, or read parts: let a loop return less per round. The limit of what is kept is a setting.",
    ),
    E.SHARED_MEMORY_LIMIT_EXCEEDED: (
        "An entry, or all entries of shared memory together, would exceed a limit; the message names it.",
        "Store less, delete entries, or set `settings.sharedMemory`.",
    ),
    E.ITERATION_LIMIT_EXCEEDED: ("A loop would exceed the system's iterations.", "Raise the limit, or loop over less."),
    E.CALL_DEPTH_EXCEEDED: (
        "Sub-workflows call one another deeper than the limit.",
        "`details.chain` lists the calls; a recursion needs a branch that ends it.",
    ),
    E.DESCENDANT_LIMIT_EXCEEDED: (
        "An execution called more sub-workflows than the limit, those below it included.",
        "Do the work of several in one, or raise `FLOWRAY_MAX_DESCENDANTS`.",
    ),
    E.FILE_LIMIT_EXCEEDED: (
        "A file, a document or the workspace of an execution is larger than a limit: bytes, pages, cells, memory.",
        "The message names the limit. Use a smaller document or a part of it, or raise the limit.",
    ),
    E.BUDGET_EXCEEDED: (
        "An execution used more tokens or money than its `maxTokens` or `maxCost`.",
        "`details` has both sums; allow more, or ask a smaller model.",
    ),
    E.COLLECTION_INVALID: ("What a loop should go over is no list.", "The message shows what it got."),
    E.EXECUTION_TIMEOUT: ("The execution used up its time.", "Raise `settings.timeoutMs` or the deadline."),
    E.EXECUTION_CANCELLED: ("Somebody cancelled the execution.", "`cancel_reason` says why."),
    E.EXECUTION_CRASHED: ("Recovery failed too often.", "`crash_reason` says why; mend it and run again."),
    E.FENCED: ("Another process owns the execution now.", "Nothing to do: the owner goes on."),
    E.PAYLOAD_MISSING: ("A stored value is gone.", "Was the payload folder moved or cleaned?"),
    E.UNSUPPORTED_VERSION: (
        "A definition, log or database of another release.",
        "Use the release that the message names.",
    ),
    E.DATABASE_UNAVAILABLE: (
        "The database is away, locked or full.",
        "What was acknowledged is kept; flowray goes on once it is back.",
    ),
    E.RUNTIME_UNAVAILABLE: ("The server is starting or cannot reach its workers.", "Try again shortly."),
    E.CONFIGURATION: ("A setting or plugin is wrong.", "The message names it."),
    E.MISSING_EXTRA: ("An optional package is not installed.", "The hint has the command."),
    E.INTERNAL: ("A fault of flowray.", "The server's log has the details under `problem_instance`; please report it."),
}
