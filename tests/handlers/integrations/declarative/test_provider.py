"""Providers of manifests, each built-in one against an HTTP server that looks at what it is sent.

The answers have the shapes that the services document.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.connections import Connection, ConnectionKind
from flowray.handlers.integrations.catalogue import Catalogue
from flowray.handlers.integrations.declarative.manifest import parse_manifest
from flowray.handlers.integrations.declarative.provider import DeclarativeProvider
from flowray.handlers.integrations.parameters import fitted
from flowray.handlers.operations import OperationCall
from flowray.handlers.providers.aiohttp_transport import AiohttpTransport
from flowray.handlers.services import HttpRequest, HttpResponse
from flowray.values import Json, encode_json
from tests.fakes.loopback import loopback_server
from tests.fakes.services import NOW_MS, ScriptedHttp

SECRET = "the-secret-token"


@dataclass
class Server:
    """A server that answers as it is told, in order, and keeps what it was sent."""

    url: str = ""
    answers: list[tuple[int, Any, dict[str, str]]] = field(default_factory=list)
    seen: list[dict[str, Any]] = field(default_factory=list)

    async def handle(self, request: Request) -> Response:
        self.seen.append(
            {
                "method": request.method, "path": request.scope["raw_path"].decode(),
                "query": [list(pair) for pair in request.query_params.multi_items()],
                "headers": dict(request.headers), "body": (await request.body()).decode(),
            }
        )  # fmt: skip
        status, body, headers = self.answers.pop(0) if self.answers else (200, {}, {})
        if body is None:
            return Response(status_code=status, headers=headers)
        return JSONResponse(body, status, headers)


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    server = Server()
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    app = Starlette(routes=[Route("/{path:path}", server.handle, methods=methods)])
    with loopback_server(app) as url:
        server.url = url
        yield server


@pytest.fixture
def server(running: Server) -> Server:
    running.answers.clear()
    running.seen.clear()
    return running


def connection(server: Server, kind: str = "bearer") -> Connection:
    secret = {
        "bearer": {"token": SECRET}, "api_key": {"api_key": SECRET}, "basic": {"password": SECRET},
        "oauth2": {"access_token": SECRET},
    }[kind]  # fmt: skip
    return Connection("c", ConnectionKind(kind), fields={"base_url": server.url, "username": "me"}, secrets=secret)


async def call(
    server: Server, provider: str, operation: str, kind: str, parameters: dict[str, Json], **more: Any
) -> Json:
    http = AiohttpTransport(allow_private=True)
    try:
        found = Catalogue(http)[provider]
        known = (await found.operations())[operation]
        given = OperationCall(
            known, fitted(known, parameters, ()), lambda: NOW_MS, connection=connection(server, kind), **more
        )  # fmt: skip
        return await found.call(given)
    finally:
        await http.aclose()


BEARER = {"authorization": f"Bearer {SECRET}"}
BASIC = {"authorization": "Basic " + base64.b64encode(f"me:{SECRET}".encode()).decode()}
ISSUE = {"id": 1, "number": 7, "title": "T"}
SHEET = {"spreadsheetId": "s", "range": "Sheet1!A:B"}
ROWS: list[Any] = [
    # provider, operation, kind of connection, parameters, method, path, headers, body (text or JSON), answer, result
    ("slack", "sendMessage", "bearer", {"channel": "#a", "text": "hi"}, "POST", "/chat.postMessage", BEARER,
     {"channel": "#a", "text": "hi"}, {"ok": True, "ts": "1.2", "channel": "C1"},
     {"messageId": "1.2", "channel": "C1", "threadTimestamp": "1.2"}),
    ("slack", "createChannel", "bearer", {"name": "x"}, "POST", "/conversations.create", BEARER,
     {"name": "x", "is_private": False}, {"ok": True, "channel": {"id": "C"}}, {"ok": True, "channel": {"id": "C"}}),
    ("github", "createIssue", "bearer", {"owner": "o", "repo": "r", "title": "T", "labels": "bug, ui"}, "POST",
     "/repos/o/r/issues", {**BEARER, "accept": "application/vnd.github+json", "x-github-api-version": "2022-11-28"},
     {"title": "T", "labels": ["bug", "ui"]}, ISSUE, ISSUE),
    ("github", "getContent", "oauth2", {"owner": "o", "repo": "r", "path": "docs/a b.md"}, "GET",
     "/repos/o/r/contents/docs/a%20b.md", BEARER, "", {"type": "file"}, {"type": "file"}),
    ("github", "triggerWorkflow", "bearer", {"owner": "o", "repo": "r", "workflow_id": 5, "ref": "main"}, "POST",
     "/repos/o/r/actions/workflows/5/dispatches", BEARER, {"ref": "main"}, None, None),
    ("gitlab", "createMergeRequestNote", "api_key", {"project_id": "a/b", "merge_request_iid": 3, "body": "x"}, "POST",
     "/projects/a%2Fb/merge_requests/3/notes", {"private-token": SECRET}, {"body": "x"}, {"id": 1}, {"id": 1}),
    ("discord", "sendMessage", "api_key", {"channelId": "9", "content": "hi"}, "POST", "/channels/9/messages",
     {"authorization": f"Bot {SECRET}"}, {"content": "hi"},
     {"id": "m", "channel_id": "9", "timestamp": "t"},
     {"messageId": "m", "channelId": "9", "guildId": None, "timestamp": "t"}),
    ("telegram", "sendMessage", "api_key", {"chat_id": 5, "text": "hi"}, "POST", f"/bot{SECRET}/sendMessage", {},
     {"chat_id": "5", "text": "hi"},
     {"ok": True, "result": {"message_id": 1, "chat": {"id": 5}, "date": 2, "text": "hi"}},
     {"messageId": 1, "chatId": 5, "date": 2, "text": "hi"}),
    ("notion", "createPage", "bearer", {"parent_id": "d", "properties": {"Name": {}}}, "POST", "/pages",
     {**BEARER, "notion-version": "2022-06-28"}, {"parent": {"database_id": "d"}, "properties": {"Name": {}}},
     {"id": "p"}, {"id": "p"}),
    ("airtable", "createRecord", "bearer", {"baseId": "b", "tableId": "My Table", "fields": {"A": 1}}, "POST",
     "/b/My%20Table", BEARER, {"fields": {"A": 1}}, {"id": "rec"}, {"id": "rec"}),
    ("hubspot", "createContact", "bearer", {"email": "a@b.c", "favourite": "x"}, "POST", "/crm/v3/objects/contacts",
     BEARER, {"properties": {"email": "a@b.c", "favourite": "x"}}, {"id": "1"}, {"id": "1"}),
    ("stripe", "createPaymentIntent", "api_key",
     {"amount": "500", "currency": "eur", "metadata": {"order": "7"}}, "POST", "/payment_intents",
     {**BEARER, "idempotency-key": "key-1", "content-type": "application/x-www-form-urlencoded"},
     "amount=500&currency=eur&metadata%5Border%5D=7",
     {"id": "pi", "amount": 500, "currency": "eur", "status": "ok", "client_secret": "cs"},
     {"id": "pi", "amount": 500, "currency": "eur", "status": "ok", "clientSecret": "cs"}),
    ("google-sheets", "appendValues", "oauth2", {**SHEET, "values": [["a", 1]]}, "POST",
     "/spreadsheets/s/values/Sheet1%21A%3AB:append", BEARER, {"values": [["a", 1]]}, {"tableRange": "x"},
     {"tableRange": "x"}),
    ("gmail", "modifyMessage", "oauth2", {"messageId": "m", "addLabelIds": "L1"}, "POST", "/messages/m/modify", BEARER,
     {"addLabelIds": ["L1"]}, {"id": "m"}, {"id": "m"}),
    ("google-calendar", "createEvent", "oauth2", {"summary": "S", "start": {"date": "d"}, "end": {"date": "e"}},
     "POST", "/calendars/primary/events", BEARER,
     {"summary": "S", "start": {"date": "d"}, "end": {"date": "e"}}, {"id": "e"}, {"id": "e"}),
    ("google-drive", "createFolder", "oauth2", {"folderName": "F"}, "POST", "/files", BEARER,
     {"name": "F", "mimeType": "application/vnd.google-apps.folder"}, {"id": "f"}, {"id": "f"}),
    ("jira", "transitionIssue", "basic", {"issueIdOrKey": "A-1", "transitionId": 31}, "POST",
     "/rest/api/3/issue/A-1/transitions", BASIC, {"transition": {"id": "31"}}, None, None),
    ("jira", "createIssue", "basic",
     {"project": {"key": "A"}, "issuetype": {"name": "Bug"}, "summary": "S", "customfield_1": "x"}, "POST",
     "/rest/api/3/issue", BASIC,
     {"fields": {"project": {"key": "A"}, "issuetype": {"name": "Bug"}, "summary": "S", "customfield_1": "x"}},
     {"key": "A-2"}, {"key": "A-2"}),
    ("sendgrid", "sendEmail", "api_key",
     {"to": ["a@b.c"], "fromEmail": "me@b.c", "subject": "S", "textContent": "T"}, "POST", "/mail/send", BEARER,
     {"personalizations": [{"to": [{"email": "a@b.c"}]}], "from": {"email": "me@b.c"}, "subject": "S",
      "content": [{"type": "text/plain", "value": "T"}]}, None, None),
    ("twilio", "sendSms", "basic", {"to": "+491", "from": "+492", "body": "hi"}, "POST", "/Accounts/me/Messages.json",
     BASIC, "To=%2B491&From=%2B492&Body=hi",
     {"sid": "SM", "account_sid": "AC", "from": "+492", "to": "+491", "body": "hi", "status": "queued"},
     {"sid": "SM", "accountSid": "AC", "from": "+492", "to": "+491", "body": "hi", "status": "queued"}),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}.{row[1]}")
async def test_a_call_is_what_the_service_expects(server: Server, row: Any) -> None:
    provider, operation, kind, parameters, method, path, headers, body, answer, result = row
    server.answers.append((200 if answer is not None else 204, answer, {}))
    assert await call(server, provider, operation, kind, parameters, idempotency_key="key-1") == result
    (seen,) = server.seen
    assert (seen["method"], seen["path"].partition("?")[0]) == (method, path)
    assert {name: seen["headers"].get(name) for name in headers} == headers
    assert (json.loads(seen["body"]) if isinstance(body, dict) else seen["body"]) == body


async def test_linear_asks_in_graphql_and_fails_by_the_body(server: Server) -> None:
    server.answers.append((200, {"data": {"issueUpdate": {"issue": {"id": "i"}}}}, {}))
    parameters: dict[str, Json] = {"issueId": "ENG-1", "priority": 1}
    assert await call(server, "linear", "updateIssue", "api_key", parameters) == {"id": "i"}
    sent = json.loads(server.seen[0]["body"])
    assert sent["variables"] == {"id": "ENG-1", "input": {"priority": 1}}
    assert sent["query"].startswith("mutation ($id: String!, $input: IssueUpdateInput!)")
    assert server.seen[0]["headers"]["authorization"] == SECRET
    server.answers.append((200, {"errors": [{"message": "Entity not found"}]}, {}))
    with pytest.raises(FlowrayError, match="linear getIssue failed with 200: Entity not found") as caught:
        await call(server, "linear", "getIssue", "api_key", {"issueId": "x"})
    assert caught.value.code == ErrorCode.PROVIDER_REJECTED


async def test_gmail_sends_a_whole_message_whose_headers_cannot_be_forged(server: Server) -> None:
    parameters: dict[str, Json] = {
        "to": "a@b.c, d@e.f", "subject": "Hi\r\nBcc: evil@x.y", "body": "Grüße", "threadId": "t1",
    }  # fmt: skip
    await call(server, "gmail", "sendMessage", "oauth2", parameters)
    sent = json.loads(server.seen[0]["body"])
    assert sent["threadId"] == "t1"
    message = base64.urlsafe_b64decode(sent["raw"]).decode()
    head, _, content = message.partition("\r\n\r\n")
    assert "To: a@b.c, d@e.f" in head
    assert "Subject: Hi Bcc: evil@x.y" in head
    assert "\r\nBcc:" not in head
    assert content.strip() in ("Grüße", base64.b64encode("Grüße\r\n".encode()).decode())


async def test_pages_are_followed_by_mark_and_by_link(server: Server) -> None:
    server.answers += [
        (200, {"ok": True, "channels": [{"id": 1}], "response_metadata": {"next_cursor": "n2"}}, {}),
        (200, {"ok": True, "channels": [{"id": 2}], "response_metadata": {"next_cursor": ""}}, {}),
    ]
    found = await call(server, "slack", "listChannels", "bearer", {"allPages": True, "excludeArchived": True})
    assert found == [{"id": 1}, {"id": 2}]
    assert [dict(seen["query"]).get("cursor") for seen in server.seen] == [None, "n2"]
    assert dict(server.seen[0]["query"]) == {"exclude_archived": "true", "limit": "100"}
    link = {"Link": f'<{server.url}/repos/o/r/issues?page=2>; rel="next", <x>; rel="last"'}
    server.answers += [(200, [{"n": 1}], link), (200, [{"n": 2}], {})]
    parameters: dict[str, Json] = {"owner": "o", "repo": "r", "allPages": True}
    assert await call(server, "github", "listIssues", "bearer", parameters) == [{"n": 1}, {"n": 2}]
    assert server.seen[-1]["query"] == [["page", "2"]]
    assert server.seen[-1]["headers"]["authorization"] == f"Bearer {SECRET}"


async def test_credentials_follow_no_link_to_another_server_and_no_redirect(server: Server) -> None:
    server.answers.append((200, [], {"Link": '<http://elsewhere.example/x>; rel="next"'}))
    with pytest.raises(FlowrayError, match="another server"):
        await call(server, "github", "listIssues", "bearer", {"owner": "o", "repo": "r", "allPages": True})
    server.answers.append((302, {}, {"Location": "/elsewhere"}))
    await call(server, "github", "getAuthenticatedUser", "bearer", {})
    assert len(server.seen) == 2


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        (400, ErrorCode.PROVIDER_REJECTED, False), (401, ErrorCode.PROVIDER_AUTH, False),
        (403, ErrorCode.PROVIDER_AUTH, False), (404, ErrorCode.PROVIDER_REJECTED, False),
        (429, ErrorCode.PROVIDER_RATE_LIMITED, True), (503, ErrorCode.PROVIDER_ERROR, True),
    ],
)  # fmt: skip
async def test_statuses_are_codes(server: Server, status: int, code: ErrorCode, retryable: bool) -> None:
    server.answers.append((status, {"message": "no"}, {"Retry-After": "7"}))
    with pytest.raises(FlowrayError) as caught:
        await call(server, "github", "getAuthenticatedUser", "bearer", {})
    error = caught.value
    assert (error.code, error.retryable) == (code, retryable)
    assert error.message == f"github getAuthenticatedUser failed with {status}: no"
    assert error.details.get("retry_after_ms") == (7_000 if retryable else None)


async def test_a_refusal_in_the_body_of_a_good_answer_is_an_error(server: Server) -> None:
    for said, code, retryable in (
        ("ratelimited", ErrorCode.PROVIDER_RATE_LIMITED, True),
        ("invalid_auth", ErrorCode.PROVIDER_AUTH, False),
        ("channel_not_found", ErrorCode.PROVIDER_REJECTED, False),
    ):
        server.answers.append((200, {"ok": False, "error": said}, {}))
        with pytest.raises(FlowrayError, match=said) as caught:
            await call(server, "slack", "sendMessage", "bearer", {"channel": "#a"})
        assert (caught.value.code, caught.value.retryable) == (code, retryable)


async def test_errors_of_a_provider_with_its_secret_in_the_path_do_not_show_it(server: Server) -> None:
    server.answers.append((404, {"ok": False, "description": "Not Found"}, {}))
    with pytest.raises(FlowrayError) as caught:
        await call(server, "telegram", "sendMessage", "api_key", {"chat_id": "1", "text": "x"})
    assert SECRET not in str(caught.value) + str(caught.value.details)


async def test_a_connection_is_needed_of_a_kind_that_fits_and_an_address(server: Server) -> None:
    http = ScriptedHttp(lambda request: HttpResponse(200, "", {}, b"{}", request.url, 1))
    slack, jira = Catalogue(http)["slack"], Catalogue(http)["jira"]
    trial = (await slack.operations())["authTest"]
    for given, message in ((None, "needs a connection"), (connection(server, "basic"), "takes no connection of kind")):
        with pytest.raises(FlowrayError, match=message) as caught:
            await slack.call(OperationCall(trial, {}, lambda: NOW_MS, connection=given))
        assert caught.value.code == ErrorCode.PROVIDER_AUTH
    nowhere = Connection("c", ConnectionKind.BASIC, fields={"username": "u"}, secrets={"password": "p"})
    who = (await jira.operations())["getCurrentUser"]
    with pytest.raises(FlowrayError, match="address of its own") as caught:
        await jira.call(OperationCall(who, {}, lambda: NOW_MS, connection=nowhere))
    assert caught.value.code == ErrorCode.CONFIGURATION
    assert http.sent == []


async def test_a_webhook_goes_anywhere_and_shows_the_whole_answer(server: Server) -> None:
    server.answers.append((202, {"got": 1}, {"X-A": "b"}))
    parameters: dict[str, Json] = {"url": f"{server.url}/in/x", "body": [1], "eventName": "e"}
    found = await call(server, "webhook", "send", "bearer", parameters, idempotency_key="k")
    assert isinstance(found, dict)
    assert (found["status"], found["body"], found["headers"]["x-a"]) == (202, {"got": 1}, "b")  # type: ignore[index, call-overload]
    seen = server.seen[0]
    assert (seen["path"], seen["body"], seen["headers"]["x-event"], seen["headers"]["idempotency-key"]) == (
        "/in/x", "[1]", "e", "k",
    )  # fmt: skip


async def test_pages_without_an_end_are_an_error() -> None:
    def answer(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, "", {}, encode_json({"items": [1], "next": "again"}), request.url, 1)

    manifest = parse_manifest(
        """
        title: Endless
        base_url: https://endless.example
        authentication: {required: false}
        operations:
          list:
            summary: Lists.
            path: /list
            parameters: {after: string}
            pages: {items: items, cursor: next, parameter: after}
        """,
        "endless",
    )
    provider = DeclarativeProvider("endless", manifest, ScriptedHttp(answer))
    operation = (await provider.operations())["list"]
    with pytest.raises(FlowrayError, match="more than 50 pages"):
        await provider.call(OperationCall(operation, {"allPages": True}, lambda: NOW_MS))


@pytest.mark.parametrize("path", ["..", "", "."])
async def test_a_parameter_leads_to_no_other_path(server: Server, path: str) -> None:
    with pytest.raises(FlowrayError, match="cannot be"):
        await call(server, "github", "getRepository", "bearer", {"owner": path, "repo": "r"})
    with pytest.raises(FlowrayError, match="cannot be"):
        await call(server, "github", "getContent", "bearer", {"owner": "o", "repo": "r", "path": f"a/{path or '..'}/b"})
    assert server.seen == []
