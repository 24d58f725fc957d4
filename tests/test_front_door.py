"""``import flowray``: what it offers, and that nothing is loaded before it is used."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import flowray

HEAVY = ("ray", "httpx", "sqlalchemy", "pydantic", "fastapi", "openai", "IPython")


def test_it_offers_a_handful_of_names() -> None:
    names = "AsyncClient Client ErrorCode Execution FlowrayError LocalSession NodeContext Workflow __version__ node run"
    assert flowray.__all__ == names.split()
    assert dir(flowray) == flowray.__all__


@pytest.mark.parametrize("name", [name for name in flowray.__all__ if name != "__version__"])
def test_each_name_is_the_one_of_its_home(name: str) -> None:
    offered = getattr(flowray, name)
    assert getattr(importlib.import_module(offered.__module__), name) is offered


def test_a_name_it_does_not_have_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'flowray' has no attribute 'nope'"):
        flowray.nope  # noqa: B018


def test_importing_it_loads_nothing_heavy_and_using_the_workflow_no_ray() -> None:
    code = (
        f"import sys, flowray; print([n for n in {HEAVY!r} if n in sys.modules]);"
        "flowray.Workflow; print('ray' in sys.modules, 'IPython' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split("\n")[:2] == ["[]", "False False"]


def test_the_python_of_the_readme_says_its_result_and_nothing_else(tmp_path: Path) -> None:
    """Also nothing at the interpreter's exit, where executors take no more work and the session is closed."""
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    code = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", code[0]],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "FLOWRAY_STATE_DIR": str(tmp_path)},
    )
    assert (done.returncode, done.stdout, done.stderr, len(code)) == (0, "{'greeting': 'Hello ADA'}\n", "", 1)
