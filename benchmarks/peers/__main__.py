"""``python -m benchmarks.peers``: flowray and its peers side by side, all of them or those named."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.measuring import machine, report
from benchmarks.peers.catalogue import PEERS, Peer
from benchmarks.peers.flowray_system import Flowray
from benchmarks.peers.postgres import Postgres
from benchmarks.peers.rounds import Plan, Row, Running, run_all
from benchmarks.peers.scripted import Scripted
from benchmarks.peers.table import figures, markdown
from benchmarks.results import keep, local_since

FLOWRAY_DURABLE = "each result, in commits shared by several; pure steps may run ahead of theirs"


def peer_row(peer: Peer, postgres: Postgres) -> Row:
    """The row of a peer."""

    @contextmanager
    def start() -> Iterator[Running]:
        if peer.database:
            with postgres.database() as url, Scripted(peer, url) as system:
                yield system
        else:
            with Scripted(peer, "") as system:
                yield system

    return Row(peer.name, peer.label, peer.boundary, peer.durable, start)


def flowray_row(name: str, label: str, postgres: Postgres, on_postgres: bool = False, over_http: bool = False) -> Row:
    """A row of flowray."""

    @contextmanager
    def start() -> Iterator[Running]:
        if on_postgres:
            with postgres.database() as url, Flowray(url, over_http) as system:
                yield system
        else:
            with Flowray("", over_http) as system:
                yield system

    boundary = "POST to answer" if over_http else "commit of the first start to the last terminal event"
    return Row(name, label, boundary, FLOWRAY_DURABLE, start)


def rows(names: list[str], postgres: Postgres) -> list[Row]:
    """All systems, or those named."""
    every = [
        flowray_row("flowray", "flowray, SQLite", postgres),
        flowray_row("flowray-postgresql", "flowray, PostgreSQL", postgres, on_postgres=True),
        flowray_row("flowray-http", "flowray, SQLite, over HTTP", postgres, over_http=True),
        *(peer_row(peer, postgres) for peer in PEERS),
    ]
    unknown = set(names) - {row.name for row in every}
    if unknown:
        raise SystemExit(f"no such system: {', '.join(sorted(unknown))}; known: {', '.join(row.name for row in every)}")
    return [row for row in every if not names or row.name in names]


def main() -> None:
    """Measure, print the table, keep the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("names", nargs="*", help="systems to run; without any, all")
    parser.add_argument("--rounds", type=int, default=3, help="turns of every system (default 3)")
    parser.add_argument("--runs", type=int, default=2, help="runs of each workload in a turn (default 2)")
    parser.add_argument("--limit", type=float, default=600, help="seconds after which a run is given up (default 600)")
    chosen = parser.parse_args()
    postgres = Postgres()
    measured = rows(chosen.names, postgres)
    before, began = machine(), time.time()
    try:
        try:
            run_all(measured, Plan(chosen.rounds, chosen.runs, chosen.limit), lambda text: print(text, flush=True))
        except KeyboardInterrupt:
            print("interrupted; what has been measured so far:")
        settings = postgres.settings()
    finally:
        postgres.stop()
    facts = {"before": before, "postgresql": settings, "rounds": chosen.rounds, "runs": chosen.runs}
    title = f"Peers: {', '.join(chosen.names)}" if chosen.names else "Peers"
    report(title, figures(measured), "peers", facts)
    kept = keep(local_since(began), kind="peers")
    print(f"\nload {before['load'][0]:.1f} before, {os.getloadavg()[0]:.1f} after\n\n{markdown(measured)}")
    print(f"\nkept in {kept[0]}")


if __name__ == "__main__":
    main()
