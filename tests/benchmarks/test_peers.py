"""The pure parts of the comparison with peers: what makes a run count, what a turn notes, what the table says."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers import scripted
from benchmarks.peers.catalogue import PEERS, Peer
from benchmarks.peers.environments import REQUIREMENTS, UnavailableError, last_error, stamp
from benchmarks.peers.rounds import Plan, Row, Running, run_all, turn
from benchmarks.peers.scripted import SYSTEMS, Scripted, TooSlowError
from benchmarks.peers.table import cell, figures, markdown
from benchmarks.peers.workloads import WORKLOADS, Workload, broken

CHAIN, FAN_OUT, MANY = WORKLOADS


def right(request: dict[str, Any], seconds: float = 0.5) -> dict[str, Any]:
    """The answer of a system that did all of it."""
    outputs = [request["steps"]] * request["executions"]
    return {"seconds": seconds, "outputs": outputs, "steps": request["steps"] * request["executions"], "recorded": None}


class Fake:
    """A system that answers as told."""

    def __init__(self, answers: Any = right) -> None:
        self.facts: dict[str, Any] = {"versions": {"fake": "1"}}
        self.asked: list[dict[str, Any]] = []
        self._answers = answers

    def run(self, request: dict[str, Any], limit_s: float) -> dict[str, Any]:
        """Answer, or raise."""
        self.asked.append(request)
        answer: dict[str, Any] = self._answers(request)
        return answer


def row(system: Fake, name: str = "fake", order: list[str] | None = None) -> Row:
    """The row of a fake."""

    @contextmanager
    def start() -> Iterator[Running]:
        if order is not None:
            order.append(name)
        yield system

    return Row(name, name.title(), "here to there", "each step", start)


class TestBroken:
    """What makes a run count."""

    def test_a_right_answer_counts(self) -> None:
        assert broken(MANY, right(MANY.request())) == ""

    def test_outputs_missing(self) -> None:
        assert broken(MANY, {**right(MANY.request()), "outputs": [10] * 199}) == "199 outputs for 200 executions"

    def test_an_output_wrong(self) -> None:
        outputs = [10] * 198 + [9, 11]
        assert broken(MANY, {**right(MANY.request()), "outputs": outputs}) == "2 outputs wrong, as 9 for 10"

    def test_a_step_that_ran_twice(self) -> None:
        assert broken(CHAIN, {**right(CHAIN.request()), "steps": 101}) == "101 steps ran, not 100"

    def test_a_step_that_was_not_recorded(self) -> None:
        assert broken(FAN_OUT, {**right(FAN_OUT.request()), "recorded": 99}) == "99 steps are recorded, not 100"

    def test_warming_up_is_a_tenth_with_the_same_shape(self) -> None:
        assert MANY.smaller() == Workload(MANY.name, "chain", 20, 10, 20)
        assert CHAIN.smaller() == CHAIN


class TestRounds:
    """Turns, and what they note."""

    def test_every_system_gets_its_turns_forth_and_back(self) -> None:
        order: list[str] = []
        measured = [row(Fake(), "a", order), row(Fake(), "b", order)]
        run_all(measured, Plan(rounds=3, runs=2, limit_s=1), lambda text: None)
        assert order == ["a", "b", "b", "a", "a", "b"]
        assert {name: len(samples) for name, samples in measured[0].samples.items()} == dict.fromkeys(
            [workload.name for workload in WORKLOADS], 6
        )

    def test_warming_up_gives_no_sample(self) -> None:
        system = Fake()
        measured = row(system)
        turn(measured, Plan(rounds=1, runs=1, limit_s=1))
        assert [asked["executions"] for asked in system.asked] == [1, 1, 1, 1, 20, 200]
        assert measured.samples[MANY.name] == [0.5]

    def test_a_wrong_output_spoils_only_its_workload(self) -> None:
        def wrong_fan_out(request: dict[str, Any]) -> dict[str, Any]:
            return {**right(request), "outputs": [99]} if request["workload"] == "fan-out" else right(request)

        measured = row(Fake(wrong_fan_out))
        run_all([measured], Plan(rounds=2, runs=1, limit_s=1), lambda text: None)
        assert cell(measured, FAN_OUT) == "INVALID: 1 outputs wrong, as 99 for 100"
        assert len(measured.samples[CHAIN.name]) == len(measured.samples[MANY.name]) == 2

    def test_what_is_too_slow_is_not_run_again(self) -> None:
        def slow_many(request: dict[str, Any]) -> dict[str, Any]:
            if request["executions"] > 1:
                raise TooSlowError("over 1 s")
            return right(request)

        system = Fake(slow_many)
        measured = row(system)
        run_all([measured], Plan(rounds=2, runs=1, limit_s=1), lambda text: None)
        assert cell(measured, MANY) == "over 1 s"
        assert sum(asked["executions"] > 1 for asked in system.asked) == 1
        assert len(measured.samples[CHAIN.name]) == 2

    def test_what_cannot_be_had_says_so_and_hinders_nobody(self) -> None:
        def absent() -> Any:
            raise UnavailableError("needs Python 3.12 or newer")

        missing = Row("missing", "Missing", "here to there", "no", absent)
        measured = [missing, row(Fake())]
        run_all(measured, Plan(rounds=2, runs=1, limit_s=1), lambda text: None)
        assert cell(missing, CHAIN) == "not run: needs Python 3.12 or newer"
        assert len(measured[1].samples[CHAIN.name]) == 2


class TestTable:
    """What people and programs read."""

    def test_median_spread_and_rate(self) -> None:
        measured = row(Fake())
        measured.samples = {CHAIN.name: [0.3, 0.1, 0.2], MANY.name: [2.0]}
        assert cell(measured, CHAIN) == "0.2 s (0.1 … 0.3, n=3)"
        assert cell(measured, MANY) == "2 s, 100/s (2 … 2, n=1)"
        assert cell(measured, FAN_OUT) == "not run"

    def test_a_row_for_each_system(self) -> None:
        lines = markdown([row(Fake())]).splitlines()
        assert len(lines) == 3
        assert lines[2] == "| Fake | not run | not run | not run | each step | here to there |"

    def test_a_figure_without_samples_is_marked(self) -> None:
        measured = row(Fake())
        measured.samples = {CHAIN.name: [0.25]}
        first, second, _ = figures([measured])
        assert (first.median, first.valid, first.note) == (0.25, True, "")
        assert (second.valid, second.note) == (False, "not run")


class TestCatalogue:
    """Everything that a peer names is there."""

    def test_scripts_and_requirements_exist(self) -> None:
        for peer in PEERS:
            assert (SYSTEMS / peer.script).is_file(), peer.name
            lines = (REQUIREMENTS / f"{peer.environment}.txt").read_text().splitlines()
            assert all("==" in line for line in lines if line and not line.startswith("#")), peer.name

    def test_names_are_unique(self) -> None:
        assert len({peer.name for peer in PEERS}) == len(PEERS)

    def test_an_environment_is_made_anew_when_its_versions_change(self) -> None:
        assert stamp(PEERS[0], b"a==1") == stamp(PEERS[0], b"a==1") != stamp(PEERS[0], b"a==2")

    def test_the_reason_is_the_line_with_the_error(self) -> None:
        assert last_error("Collecting a\nERROR: no a==1\n[notice] a new pip\n") == "ERROR: no a==1"
        assert last_error("") == "no reason given"


class TestScripted:
    """The protocol with a process, spoken with a script of this test."""

    @pytest.fixture
    def peer(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Peer:
        (tmp_path / "lines.py").write_text((SYSTEMS / "lines.py").read_text())
        (tmp_path / "fake.py").write_text(
            "import time\nfrom lines import Answer, serve\n"
            "def run(request):\n"
            "    print('noise on standard output')\n"
            "    if request.workload == 'fan-out':\n        raise ValueError('no fan-out')\n"
            "    if request.steps == 1:\n        time.sleep(600)\n"
            "    if request.steps == 2:\n        raise SystemExit('error: gone')\n"
            "    return Answer(0.1, [request.steps] * request.executions, request.steps * request.executions)\n"
            "serve(run, {'versions': {'fake': '1'}})\n"
        )
        monkeypatch.setattr(scripted, "SYSTEMS", tmp_path)
        monkeypatch.setattr(scripted, "prepare", lambda peer: Path(sys.executable))
        return Peer("fake", "Fake", "fake", "fake.py", "", "")

    def test_asks_and_is_answered(self, peer: Peer) -> None:
        with Scripted(peer, "") as system:
            assert system.facts == {"versions": {"fake": "1"}}
            answer = system.run(CHAIN.request(), 60)
            assert broken(CHAIN, answer) == ""
            assert json.loads(json.dumps(answer))["recorded"] is None
            with pytest.raises(UnavailableError, match="ValueError: no fan-out"):
                system.run(FAN_OUT.request(), 60)

    def test_gives_up_what_takes_too_long_and_ends_it(self, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(scripted, "STOP_LIMIT_S", 0.1)
        with Scripted(peer, "") as system, pytest.raises(TooSlowError, match=r"over 0\.1 s"):
            system.run({**CHAIN.request(), "steps": 1}, 0.1)
        assert system._process.poll() is not None

    def test_says_why_a_peer_ended(self, peer: Peer) -> None:
        with Scripted(peer, "") as system, pytest.raises(UnavailableError, match="ended by itself: error: gone"):
            system.run({**CHAIN.request(), "steps": 2}, 60)
