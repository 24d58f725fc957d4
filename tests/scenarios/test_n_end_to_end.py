"""Scenarios N93 to N98: FlowMaestro's own end-to-end tests, with the values that they expected."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowray.compiler.builder import build_plan
from flowray.definition.loading import load_definition
from flowray.handlers.databases import DatabaseAddress, Statement
from flowray.handlers.handler import NodeInput
from flowray.handlers.providers.sql_databases import SqlDatabases
from flowray.handlers.services import ChatChunk, ChatRequest
from tests.corpus import CORPUS, load_workflow, needs_corpus
from tests.fakes.made_documents import as_base64, docx_of, pdf_of
from tests.fakes.services import ScriptedChat
from tests.handlers.running import REGISTRY
from tests.scenarios.playing import (
    Act,
    Played,
    condition,
    http,
    jsonata,
    output,
    play,
    play_plan,
    registry_with,
    source,
    template,
    variable,
    web,
)

USER = {
    "id": 1, "name": "Leanne Graham", "email": "Sincere@april.biz", "address": {"city": "Gwenborough"},
    "company": {"name": "Romaguera-Crona"},
}  # fmt: skip


async def fixture(name: str, acts: dict[str, Act] | None = None, types: tuple[str, ...] = (), **run: Any) -> Played:
    """Run a file of the corpus; nodes of ``types``, which cannot run here, do what ``acts`` says."""
    assert CORPUS is not None
    _, document = load_workflow(CORPUS / "flowmaestro" / "workflows" / f"fixture__{name}.json")
    registry = registry_with(acts, ("step", *types))
    plan = build_plan(load_definition(document, dialect="flowmaestro").require(), registry.node_types()).require()
    return await play_plan(plan, registry, **run)


def _meta(name: str) -> dict[str, Any]:
    assert CORPUS is not None
    return load_workflow(CORPUS / "flowmaestro" / "workflows" / f"fixture__{name}.json")[0]


@needs_corpus
@pytest.mark.parametrize(
    "name", ["01-numbers-routing-and-aggregation", "01-03-phase-core-logic", "03-phase-core-logic"]
)
@pytest.mark.parametrize(
    ("numbers", "result"),
    [
        ([2, 3, 5], {"sum": 10, "filteredNumbers": [3, 5], "filteredCount": 2,
                     "message": "High sum 10 with 2 passing numbers"}),
        ([1, 2, 2], {"sum": 5, "filteredNumbers": [], "filteredCount": 0, "message": "Low sum 5"}),
    ],
)  # fmt: skip
async def test_n93_numbers_are_summed_filtered_and_routed(name: str, numbers: list[int], result: Any) -> None:
    """N1: sum, filter, count and a rule router. Its ``aggregate`` node is a scripted one: Nodes brings it."""
    types = () if REGISTRY.is_known("aggregate") else ("aggregate",)
    done = await fixture(name, {"aggregate-max": max(numbers)}, types, inputs={"numbers": numbers})
    assert (done.row.status, done.outputs) == ("completed", {"result": result})


@pytest.mark.parametrize(
    ("numbers", "result"),
    [
        ([4, 6], {"sum": 10, "message": "Low sum 10", "filtered": [6], "filteredCount": 1}),
        ([7, 6], {"sum": 13, "message": "High sum 13 with 2 filtered", "filtered": [7, 6], "filteredCount": 2}),
    ],
)
async def test_n94_transforms_and_an_output_of_fields(numbers: list[int], result: Any) -> None:
    """N2, drawn anew: the file itself is not kept anywhere; its inputs and values are."""
    nodes = {
        "in": source(),
        "add": {"type": "transform", "config": {"operation": "reduce", "inputData": "${numbers}",
                                                "expression": "(acc, val) => acc + val", "outputVariable": "sum"}},
        "keep": {"type": "transform", "config": {"operation": "filter", "inputData": "${numbers}",
                                                 "expression": "item => item > 5", "outputVariable": "filtered"}},
        "count": jsonata("$count($data)", inputData="${filtered}", outputVariable="filteredCount"),
        "if": condition("sum > 10"), "high": variable("message", "High sum ${sum} with ${filteredCount} filtered"),
        "low": variable("message", "Low sum ${sum}"),
        "out": {"type": "output", "config": {"outputName": "result", "format": "json",
                                             "fields": ["sum", "message", "filtered", "filteredCount"]}},
    }  # fmt: skip
    edges = ("in -> add", "in -> keep", "keep -> count", "add -> if", "count -> if", "if true-> high", "if false-> low",
             "high -> out", "low -> out")  # fmt: skip
    done = await play(nodes, *edges, inputs={"numbers": numbers}, dialect="flowmaestro")
    assert done.outputs == {"result": result}


@needs_corpus
async def test_n95_map_filter_aggregate_deduplicate() -> None:
    """N3: two active items with their tag counts; totals by group; the last of each address; the high priorities."""
    active = (await fixture("03-transform-map-filter")).outputs["activeItems"]
    assert [(item["name"], item["score"], item["tagCount"]) for item in active] == [("Alpha", 92, 2), ("Delta", 88, 3)]
    unique = (await fixture("05-transform-deduplicate")).outputs["uniqueCustomers"]
    assert [item["id"] for item in unique] == ["c2", "c4", "c5"]
    high = (await fixture("06-transform-filter-removed")).outputs["highPriorityTasks"]
    assert [item["id"] for item in high] == [1, 3, 5]
    sales = [{"group": "books", "price": 12.5}, {"group": "games", "price": 59.99}, {"group": "books", "price": 7.75},
             {"group": "games", "price": 39.0}, {"group": "music", "price": 15}]  # fmt: skip
    config = {
        "operation": "aggregate",
        "inputData": "sales",
        "field": "price",
        "groupBy": "group",
        "operations": ["sum"],
    }
    done = await play({"in": source(), "t": {"type": "transform", "config": config}, "out": output("{{t}}")},
                      "in -> t", "t -> out", inputs={"sales": sales})  # fmt: skip
    totals = {group: row["sum"] for group, row in done.outputs["result"].items()}
    assert totals == {"books": 20.25, "games": pytest.approx(98.99), "music": 15}


@needs_corpus
async def test_n96_routers_conditions_and_an_uploaded_file() -> None:
    """N4: the high route; the approved decision with the branch's name; the file's data URL within text."""
    routed = await fixture("07-conditional-router-routing")
    assert routed.outputs == {"routeResult": {"route": "high", "priority": "high", "score": 92}}
    decided = await fixture("08-conditional-if-else")
    assert decided.outputs == {"decisionResult": {"decision": "ship", "status": "approved", "branch": "true"}}
    uploaded = await fixture("09-input-file-upload", inputs={"uploadedFile": "data:application/pdf;base64,AAAA"})
    assert uploaded.outputs["result"] == "Uploaded file variable: data:application/pdf;base64,AAAA | tag: pdf_upload"


@needs_corpus
async def test_n97_http_and_a_branch_to_another_source() -> None:
    """N5: a user fetched and transformed; by source either the service or the database answers, never both. The
    ``database`` node is a scripted one where it is not known."""
    service = web(lambda request: (200, USER))
    fetched = await fixture("00-simple-http-transform", services={"http": service})
    assert fetched.output_of("transform-1") == {"fullName": "Leanne Graham"}
    row = {
        "user_id": 1,
        "full_name": "Leanne Graham",
        "email": "e",
        "city": "Gwenborough",
        "company": "Romaguera-Crona",
    }
    types = ("database",)  # scripted: the file names a server of its own
    for given, ran, skipped in (
        ("api", ["http-1", "transform-1"], ["database-1", "transform-2"]),
        ("database", ["database-1", "transform-2"], ["http-1", "transform-1"]),
    ):
        done = await fixture(
            "03-conditional-router-error-handling", {"database-1": {"rows": [row]}}, types,
            inputs={"source": given}, services={"http": service},
        )  # fmt: skip
        assert done.outputs["result"]["source"] == given
        assert done.outputs["result"]["company"] == "Romaguera-Crona"
        assert done.ended("completed") == ["input-1", "conditional-1", *ran, "output-1"]
        assert done.ended("skipped") == skipped


async def test_n97_a_row_is_inserted() -> None:
    """01-http-transform-database: the fetched user becomes a row, which comes back."""
    insert = "INSERT INTO test_users VALUES ($1, $2, $3, $4) RETURNING user_id, full_name, city, company"
    parameters = ["{{flat.id}}", "{{flat.name}}", "{{flat.city}}", "{{flat.company}}"]
    nodes = {
        "get": http("http://h/users/1"),
        "flat": jsonata(
            '{"id": id, "name": name, "city": address.city, "company": company.name}', inputData="get.data"
        ),
        "insert": {"type": "database", "config": {"provider": "sqlite", "operation": "query", "query": insert,
                                                  "parameters": parameters}},
        "out": output("{{insert.rows[0]}}"),
    }  # fmt: skip
    service = web(lambda request: (200, USER))
    databases = SqlDatabases({"default": "sqlite://"})
    create = Statement(["CREATE TABLE test_users (user_id INTEGER, full_name TEXT, city TEXT, company TEXT)"])
    await databases.run(DatabaseAddress("sqlite://", trusted=True), [create], 60_000)
    given = {"http": service, "databases": databases}
    done = await play(nodes, "get -> flat", "flat -> insert", "insert -> out", services=given)
    await databases.aclose()
    assert done.outputs["result"] == {
        "user_id": 1, "full_name": "Leanne Graham", "city": "Gwenborough", "company": "Romaguera-Crona",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("node_type", "file", "texts"),
    [
        ("parsePdf", pdf_of("Invoice 123", "Amount: $10.00"), ["Invoice 123", "Amount: $10.00"]),
        ("parseDocument", docx_of("Service Contract", "Between us."), ["Service Contract"]),
        ("parseDocument", b"<h1>Service Contract</h1>", ["Service Contract"]),
    ],
)
async def test_n97_documents_are_parsed(node_type: str, file: bytes, texts: list[str]) -> None:
    """04-parse-pdf-and-document: the texts of the invoice and of the contract are read out of the files."""
    kind = {b"%P": "application/pdf", b"PK": "", b"<h": "text/html"}[file[:2]]
    given = {"fileName": "file.docx" if not kind else "file", "fileType": kind, "base64": as_base64(file)}
    nodes = {
        "in": source("file"), "parse": {"type": node_type, "config": {"file": "{{file}}"}},
        "out": output("{{parse.text}}"),
    }  # fmt: skip
    done = await play(nodes, "in -> parse", "parse -> out", inputs={"file": given})
    assert all(text in done.outputs["result"] for text in texts)


GREETED = ["happyPath", "emptyName", "specialCharacters", "longName"]


@needs_corpus
@pytest.mark.parametrize("case", GREETED)
async def test_n98_hello_world(case: str) -> None:
    """N6: Alice, no name, unicode, a long name."""
    scenario = _meta("hello-world")["testScenarios"][case]
    done = await fixture("hello-world", inputs=scenario["inputs"])
    assert done.outputs == scenario["expectedOutput"]


class _Analyst:
    """A model that answers by what it is asked."""

    def __init__(self, replies: dict[str, Any]) -> None:
        self.replies = replies
        self.asked = 0

    async def stream(self, request: ChatRequest) -> Any:
        self.asked += 1
        asked = str(request.messages[-1]["content"])
        reply = next(reply for part, reply in self.replies.items() if part in asked)
        yield ChatChunk(json.dumps(reply) if not isinstance(reply, str) else reply)
        yield ChatChunk(finish_reason="stop")


@needs_corpus
@pytest.mark.parametrize("case", ["dataRoute", "analysisRoute"])
async def test_n98_smart_router(case: str) -> None:
    """N6: the nodes that ran and those that were skipped are the file's own lists."""
    meta = _meta("smart-router")
    scenario, analysis = meta["testScenarios"][case], meta["mockData"]["analysisResult"]
    service = web(lambda request: (200, meta["mockData"]["userData"]))
    done = await fixture(
        "smart-router", inputs=scenario["inputs"], services={"http": service, "chat": _Analyst({"": analysis})}
    )  # fmt: skip
    assert sorted(done.ended("completed")) == sorted(scenario["executionChecks"]["executedNodes"])
    assert sorted(done.ended("skipped")) == sorted(scenario["executionChecks"]["skippedNodes"])
    result = done.outputs["result"]
    assert (result["type"], result["processedBy"]) == (
        scenario["expectedOutput"]["type"], scenario["expectedOutput"]["processedBy"],
    )  # fmt: skip


@needs_corpus
async def test_n98_text_analysis_and_research() -> None:
    """N6: two models side by side, merged; and a chain of fetch, XML, variable, parsed file and summary, whose file
    node is a scripted one."""
    meta = _meta("text-analysis")
    mocks = meta["mockData"]
    chat = _Analyst(
        {"Analyze the sentiment": mocks["positiveSentimentResponse"], "Extract the main": mocks["topicsResponse"]}
    )
    done = await fixture(
        "text-analysis", inputs=meta["testScenarios"]["positiveSentiment"]["inputs"], services={"chat": chat}
    )  # fmt: skip
    assert (done.row.status, chat.asked, set(done.outputs)) == ("completed", 2, {"results"})
    mocks = _meta("arxiv-researcher")["mockData"]
    seen: list[NodeInput] = []

    def parse(node: NodeInput) -> Any:
        seen.append(node)
        return {"content": "the paper"}

    service = web(lambda request: (200, mocks["arxivXMLResponse"].encode()))
    done = await fixture(
        "arxiv-researcher", {"file-1": parse}, ("fileOperations",), inputs={"topic": mocks["topic"]},
        services={"http": service, "chat": ScriptedChat([ChatChunk("A summary."), ChatChunk(finish_reason="stop")])},
    )  # fmt: skip
    assert done.outputs["results"]["topic"] == "machine learning"
    assert done.outputs["results"]["summary"] == "A summary."
    assert service.sent[0].url.endswith("all:machine learning&start=0&max_results=5")
    assert len(seen) == 1


async def test_n98_data_enrichment() -> None:
    """N6, drawn anew: a record is fetched, enriched by a second service, and merged."""
    service = web(lambda request: (200, {"name": "Ada"} if "users" in request.url else {"plan": "pro"}))
    nodes = {
        "in": source("id"), "user": http("http://h/users/{{id}}"), "more": http("http://h/plans/{{id}}"),
        "all": template('{"name": "{{user.data.name}}", "plan": "{{more.data.plan}}"}'), "out": output("{{all}}"),
    }  # fmt: skip
    done = await play(nodes, "in -> user", "in -> more", "user -> all", "more -> all", "all -> out",
                      inputs={"id": 7}, services={"http": service})  # fmt: skip
    assert done.outputs == {"result": {"name": "Ada", "plan": "pro"}}
