"""Switches a promise of the whole instance off, to show that a chaos run notices: see tests/hostile/sabotages.py."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]

HOOK = """\
import sys
if any("flowray" in word or "default_worker" in word for word in sys.orig_argv):
    from tests.hostile.sabotages import SABOTAGES
    SABOTAGES[{name!r}].apply()
"""


def sabotaged(folder: Path, name: str) -> dict[str, str]:
    """Environment in which every process of flowray and every worker of Ray begins with the sabotage ``name``."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(HOOK.format(name=name))
    inherited = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    return {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT), *inherited])}
