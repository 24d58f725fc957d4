"""The systems that are measured, and what each of them promises. Installs nothing and runs nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Database = Literal["", "postgresql"]


@dataclass(frozen=True)
class Peer:
    """One system in one configuration. ``environment`` names its requirements file and its virtual environment;
    ``script`` the file in ``systems/`` that speaks for it. ``boundary`` says from where to where it is measured and
    ``durable`` what is on disk before the next step starts.
    """

    name: str
    label: str
    environment: str
    script: str
    boundary: str
    durable: str
    database: Database = ""
    python: tuple[int, int] = (3, 11)
    npm: str = ""


IN_PROCESS = "call to result, in process"

PEERS = (
    Peer(
        "restate", "Restate", "restate", "restate_peer.py", "POST to answer", "each step",
        npm="@restatedev/restate-server@1.7.12",
    ),
    Peer(
        "absurd", "absurd, PostgreSQL", "absurd", "absurd_peer.py",
        "first task created to last completed, by the database", "each step", "postgresql",
    ),
    Peer("langgraph", "LangGraph, SQLite", "langgraph", "langgraph_peer.py", IN_PROCESS, "each superstep"),
    Peer(
        "langgraph-postgresql", "LangGraph, PostgreSQL", "langgraph", "langgraph_peer.py", IN_PROCESS, "each superstep",
        "postgresql",
    ),
    Peer("dbos", "DBOS, SQLite", "dbos", "dbos_peer.py", IN_PROCESS, "each step"),
    Peer("dbos-postgresql", "DBOS, PostgreSQL", "dbos", "dbos_peer.py", IN_PROCESS, "each step", "postgresql"),
    Peer("prefect", "Prefect", "prefect", "prefect_peer.py", IN_PROCESS, "no"),
    Peer("graphon", "graphon", "graphon", "graphon_peer.py", IN_PROCESS, "no", python=(3, 12)),
    Peer("llamaindex", "llama-index-workflows", "llamaindex", "llamaindex_peer.py", IN_PROCESS, "no"),
)  # fmt: skip
