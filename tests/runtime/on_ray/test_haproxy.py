"""What HAProxy mode needs before Ray starts: files of its own, short enough for sockets, and ports of its own."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from flowray.runtime.on_ray import haproxy
from flowray.runtime.on_ray.haproxy import HaproxyPorts, environment, is_installed, own_folder

SOCKET_PATH_CHARS = 107
BY_SERVE = len("/") + 56  # The id of the Ray node, as a folder.
BY_HAPROXY = len(".12345.tmp")


def test_no_file_of_it_lies_where_another_server_has_its_own() -> None:
    first, second = own_folder(), own_folder()
    try:
        assert stat.S_IMODE(first.stat().st_mode) == 0o700
        variables = environment(first, HaproxyPorts(stats=1, metrics=2))
        paths = {name: value for name, value in variables.items() if value.startswith("/")}
        assert len(paths) == 5
        assert all(Path(value).is_relative_to(first) for value in paths.values())
        assert not set(paths.values()) & set(environment(second, HaproxyPorts(stats=1, metrics=2)).values())
        for name in ("RAY_SERVE_HAPROXY_SOCKET_PATH", "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH"):
            assert len(paths[name]) + BY_SERVE + BY_HAPROXY <= SOCKET_PATH_CHARS
    finally:
        first.rmdir()
        second.rmdir()


def test_its_folder_goes_with_the_process(tmp_path: Path) -> None:
    code = "from flowray.runtime.on_ray.haproxy import own_folder; print((own_folder() / 'x').write_text('there'))"
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    assert ran.stdout == "5\n"
    assert list(tmp_path.iterdir()) == []


def test_its_ports_are_those_that_were_chosen() -> None:
    variables = environment(Path("/tmp/x"), HaproxyPorts(stats=8_404, metrics=9_101))
    assert variables["RAY_SERVE_HAPROXY_STATS_PORT"] == "8404"
    assert variables["RAY_SERVE_HAPROXY_METRICS_PORT"] == "9101"
    assert variables["RAY_SERVE_ENABLE_HA_PROXY"] == "1"


@pytest.mark.parametrize(
    ("package", "binary", "found"), [(1, None, True), (None, "/bin/haproxy", True), (None, None, False)]
)
def test_it_is_there_as_a_package_or_a_program(
    monkeypatch: pytest.MonkeyPatch, package: object, binary: str | None, found: bool
) -> None:
    monkeypatch.setattr(haproxy.importlib.util, "find_spec", lambda name: package)
    monkeypatch.setattr(haproxy.shutil, "which", lambda name: binary)
    assert is_installed() is found
