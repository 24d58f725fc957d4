"""The contract of ``videoGeneration``, against the fake server alone: the type is experimental."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from flowray.errors import ErrorCode
from flowray.handlers.providers.fake_media import video
from tests.contracts.contract import Case, Contract
from tests.contracts.fake_models import AGAINST, asking, has


def _shows(prompt: str) -> Callable[[Any], bool]:
    """By the name of the file in the workspace, which is that of its bytes."""
    name = hashlib.sha256(video(prompt)).hexdigest()[:16]
    return lambda made: made["path"] == f"videos/{name}.mp4"


def _cases(_url: str) -> Sequence[Case]:
    return [
        Case("a video", {"prompt": "a lamp", "duration": 8, "aspectRatio": "16:9"},
             has(video=_shows("a lamp"), duration=8.0, metadata=lambda about: about["size"] == "1280x720")),
        Case("another one", {"prompt": "a tree"}, has(video=_shows("a tree"), duration=4.0)),
        Case("what is refused", {"prompt": "an impossible lamp"}, has(code=ErrorCode.PROVIDER_REJECTED), fails=True),
    ]  # fmt: skip


CONTRACTS = [Contract("videoGeneration", AGAINST, asking(_cases))]
