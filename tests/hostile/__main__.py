"""``make test-hostile``: the functional tests under each mode. Prints how long each took; exit code 0 if all passed.

FLOWRAY_TEST_SEED=n repeats the faults of a run; names of modes as arguments run only those.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

from tests.hostile.functional import BY_HAND, IN_FILES, IN_PROCESS, LARGE, ON_RAY

FAULTS = {"FLOWRAY_TEST_FAULTS": "0.05"}
FORGETFUL = {"FLOWRAY_TEST_ALWAYS_RECOVER": "1"}
POSTGRESQL = {"FLOWRAY_TEST_DATABASE": "postgresql"}

MODES: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "faults": (FAULTS, (*IN_PROCESS, *ON_RAY)),
    "faults-postgresql": ({**FAULTS, **POSTGRESQL}, ON_RAY),
    "forgetful": (FORGETFUL, (*IN_PROCESS, *BY_HAND, *ON_RAY)),
    "forgetful-postgresql": ({**FORGETFUL, **POSTGRESQL}, ON_RAY),
}
"""The environment of each mode, and its tests."""


def main(names: list[str]) -> int:
    """Run the named modes, or all; returns the exit code."""
    failed = []
    for name in names or list(MODES):
        environment, tests = MODES[name]
        began = time.monotonic()
        unfit = (*LARGE, *(IN_FILES if "FLOWRAY_TEST_DATABASE" in environment else ()))
        left_out = [part for test in unfit for part in ("--deselect", test)]
        command = [sys.executable, "-m", "pytest", "-q", *tests, *left_out]
        if subprocess.run(command, env={**os.environ, **environment}, check=False).returncode != 0:
            failed.append(name)
        print(f"hostile mode {name}: {time.monotonic() - began:.0f} s", flush=True)
    print("every hostile mode passed" if not failed else f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
