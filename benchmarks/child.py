"""A script of the benchmarks as a process that is asked line by line. Knows no script."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.server import environment

END_LIMIT_S = 120

Ask = Callable[[str], str]
"""Sends a line, returns the line that comes back."""


@contextmanager
def child(script: str, *arguments: object) -> Iterator[tuple[str, Ask]]:
    """``(what it says first, how to ask it)``. It ends when its standard input does.

    Raises RuntimeError, with the end of what it wrote to stderr, if it ends before.
    """
    folder = Path(tempfile.mkdtemp(prefix="fb", dir="/tmp"))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, script, *map(str, arguments)],
            env=environment(folder), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            start_new_session=True,
        )  # fmt: skip
        answers, questions = process.stdout, process.stdin
        assert answers is not None
        assert questions is not None

        def heard() -> str:
            line = answers.readline()
            if not line:
                raise RuntimeError(f"{script} ended: {(folder / 'log').read_text(errors='replace')[-2_000:]}")
            return line.strip()

        def ask(line: str) -> str:
            questions.write(f"{line}\n")
            questions.flush()
            return heard()

        try:
            yield heard(), ask
        finally:
            questions.close()
            _await_end(process)
            answers.close()
            shutil.rmtree(folder, ignore_errors=True)


def _await_end(process: subprocess.Popen[str]) -> None:
    try:
        process.wait(END_LIMIT_S)
    except subprocess.TimeoutExpired:
        # A session of its own: this ends what it has started, and nothing else.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
