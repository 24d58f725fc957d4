"""The server that nodes wait for: a process that answers several requests of one connection, and ends when told."""

from __future__ import annotations

import httpx

from benchmarks import slow_server
from benchmarks.child import child
from benchmarks.slow_server import answer_to


def test_it_says_how_long_it_waits_and_what_it_answers() -> None:
    assert answer_to(b"/slow?ms=250&n=7")[0] == 0.25
    assert answer_to(b"/slow")[1].endswith(b'content-length: 11\r\n\r\n{"n": null}')


def test_it_answers_again_and_again_on_one_connection() -> None:
    with child(slow_server.__file__) as (url, _), httpx.Client(base_url=url) as http:
        answers = [http.get("/slow", params={"ms": 1, "n": number}).json() for number in range(3)]
    assert answers == [{"n": "0"}, {"n": "1"}, {"n": "2"}]
