"""``make sabotage``: the fault suite under each sabotage. Prints what failed; exit code 0 if something did each time.

First every chosen test runs unharmed, since a test that fails anyway notices nothing.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

from tests.hostile.sabotages import SABOTAGES

_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


def _failures(tests: tuple[str, ...], sabotage: str) -> tuple[int, list[str]]:
    """Exit code and the names of what failed."""
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rfE", "--no-header", "--tb=no", "-p", "no:cacheprovider", *tests],
        env={**os.environ, "FLOWRAY_TEST_SABOTAGE": sabotage},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return run.returncode, _FAILED.findall(run.stdout)


def main(names: list[str]) -> int:
    """Run the named sabotages, or all; returns the exit code."""
    unnoticed = []
    for name in names or list(SABOTAGES):
        tests = SABOTAGES[name].tests
        began = time.monotonic()
        healthy, broken = _failures(tests, "")
        if healthy != 0:
            print(f"{name}: its tests fail without it: {' '.join(broken) or f'exit code {healthy}'}", flush=True)
            unnoticed.append(name)
            continue
        code, failed = _failures(tests, name)
        noticed = code == 1 and bool(failed)
        if not noticed:
            unnoticed.append(name)
        told = ", ".join(failed) if noticed else f"NOT NOTICED (exit code {code})"
        print(f"{name}: {told} [{time.monotonic() - began:.0f} s]", flush=True)
    print("every sabotage was noticed" if not unnoticed else f"not proven: {', '.join(unnoticed)}")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
