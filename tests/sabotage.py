"""``make sabotage``: the fault suite under each sabotage. Prints what failed and why, and how long it took; exit code 0
if something failed for the right reason each time.

First every chosen test runs unharmed, since a test that fails anyway notices nothing.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

from tests.hostile.sabotages import SABOTAGES, Sabotage

_FAILED = re.compile(r"^(?:FAILED|ERROR) (.+)", re.MULTILINE)

TOLD_CHARS = 300


def _failures(tests: tuple[str, ...], sabotage: str) -> tuple[int, list[str]]:
    """Exit code, and what failed: the name of each test with what it said."""
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rfE", "--no-header", "--tb=no", "-p", "no:cacheprovider", *tests],
        env={**os.environ, "FLOWRAY_TEST_SABOTAGE": sabotage, "COLUMNS": "4000"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return run.returncode, _FAILED.findall(run.stdout)


def _try(sabotage: Sabotage, name: str) -> tuple[bool, str]:
    """Whether it was noticed, and what is to be said of it."""
    healthy, broken = _failures(sabotage.tests, "")
    if healthy != 0:
        return False, f"its tests fail without it: {_shown(broken) or f'exit code {healthy}'}"
    code, failed = _failures(sabotage.tests, name)
    if code != 1 or not failed:
        return False, f"NOT NOTICED (exit code {code})"
    if not any(re.search(sabotage.reason, line) for line in failed):
        return False, f"NOT NOTICED, something else failed: {_shown(failed)}"
    return True, f"noticed: {_shown(failed)}"


def _shown(failed: list[str]) -> str:
    return "".join(f"\n  {line[:TOLD_CHARS]}" for line in failed)


def main(names: list[str]) -> int:
    """Run the named sabotages, or all; returns the exit code."""
    unnoticed = []
    for name in names or list(SABOTAGES):
        began = time.monotonic()
        noticed, told = _try(SABOTAGES[name], name)
        if not noticed:
            unnoticed.append(name)
        print(f"{name}: {told} [{time.monotonic() - began:.0f} s]", flush=True)
    print("every sabotage was noticed" if not unnoticed else f"not proven: {', '.join(unnoticed)}")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
