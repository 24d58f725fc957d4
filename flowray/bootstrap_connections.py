"""What seals connections, and what tries them, made of Settings."""

from __future__ import annotations

import importlib

from flowray.bootstrap_integrations import build_integrations
from flowray.handlers.operations import Integrations
from flowray.handlers.providers.aiohttp_transport import AiohttpTransport
from flowray.handlers.services import HttpTransport
from flowray.runtime.connections import Opener
from flowray.settings import Settings, secret_from_environment

KEY_VARIABLE = "FLOWRAY_ENCRYPTION_KEY"


def open_sealer(settings: Settings) -> Opener:
    """With the keys of FLOWRAY_ENCRYPTION_KEY, else of the file that the settings name, else of one in the state
    folder, which is made with a new key. Raises CONFIGURATION for keys that are none.

    Loaded by name: most processes never open a secret.
    """
    sealing = importlib.import_module("flowray.persistence.connections.sealing")
    given = secret_from_environment(KEY_VARIABLE)
    if given:
        keys = sealing.split_keys(given)
    elif settings.encryption_key_file is not None:
        keys = sealing.split_keys(settings.encryption_key_file.read_text(encoding="utf-8"))
    else:
        keys = sealing.kept_keys(settings.state_dir / "encryption.key")
    sealer: Opener = sealing.Sealer(keys)
    return sealer


def open_outside(settings: Settings) -> tuple[HttpTransport, Integrations]:
    """How the API reaches other services to try a connection; the same targets are allowed as for nodes."""
    http = AiohttpTransport(allow_private=settings.allow_private_targets)
    return http, build_integrations(settings, http)
