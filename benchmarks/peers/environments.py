"""A virtual environment for every peer, kept under ``.bench-peers/`` and made anew when its pinned versions change.
Installs with the ordinary clients, from wherever these are set up to install.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from benchmarks.peers.catalogue import Peer

CACHE = Path(__file__).parents[2] / ".bench-peers"
REQUIREMENTS = Path(__file__).parent / "requirements"
INSTALL_LIMIT_S = 900
NEWEST_MINOR = 13


class UnavailableError(Exception):
    """A peer cannot be installed or started here; the message says why, in one line."""


def interpreter(minimum: tuple[int, int]) -> str:
    """A Python of at least that version. Looks on the PATH and among those that pyenv keeps; a name on the PATH may be
    a shim with no Python behind it, so each is tried.
    """
    names = [f"python3.{minor}" for minor in range(minimum[1], NEWEST_MINOR + 1)]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [path for name in names if (path := shutil.which(name))]
    found += [str(path) for name in names for path in sorted(pyenv.glob(f"*/bin/{name}"))]
    for candidate in found:
        if subprocess.run([candidate, "-c", "import venv"], capture_output=True, check=False).returncode == 0:
            return candidate
    raise UnavailableError(f"needs Python {minimum[0]}.{minimum[1]} or newer")


def prepare(peer: Peer) -> Path:
    """The interpreter of the peer's environment, installed if need be. Raises UnavailableError."""
    folder = CACHE / peer.environment
    requirements = REQUIREMENTS / f"{peer.environment}.txt"
    wanted = stamp(peer, requirements.read_bytes())
    mark = folder / "installed"
    if not (mark.exists() and mark.read_text() == wanted):
        shutil.rmtree(folder, ignore_errors=True)
        _run([interpreter(peer.python), "-m", "venv", str(folder)])
        pip = [str(folder / "bin/python"), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
        _run([*pip, "-r", str(requirements)])
        if peer.npm:
            _run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), peer.npm])
        mark.write_text(wanted)
    return folder / "bin/python"


def server(peer: Peer) -> str:
    """The path of the server that came with the peer's npm package, or ""."""
    if not peer.npm:
        return ""
    binary = "restate-server"
    packages = CACHE / peer.environment / "node_modules/@restatedev"
    found = sorted(packages.glob(f"*/bin/{binary}"))
    if not found:
        raise UnavailableError(f"{peer.npm} has no server for this platform")
    return str(found[0])


def stamp(peer: Peer, requirements: bytes) -> str:
    """Changes with everything that the environment is made from."""
    return hashlib.sha256(requirements + f"{peer.python}{peer.npm}".encode()).hexdigest()


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=INSTALL_LIMIT_S, stdin=subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise UnavailableError(f"{command[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"installing took over {INSTALL_LIMIT_S} s") from error
    except subprocess.CalledProcessError as error:
        raise UnavailableError(f"cannot be installed: {last_error(error.stderr.decode(errors='replace'))}") from error


def last_error(text: str) -> str:
    """The line of a client's output that says what went wrong, at most 160 characters of it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["no reason given"])[-1][:160]
