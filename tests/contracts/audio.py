"""The contracts of the nodes that speak and listen: what one says another understands."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any

from flowray.errors import ErrorCode
from flowray.handlers.providers.fake_media import heard, speech
from tests.contracts.contract import Case, Contract
from tests.contracts.fake_models import AGAINST, asking, has

HELLO = f"data:audio/wav;base64,{base64.b64encode(speech('hello lamp', 'wav')).decode()}"
BYE = base64.b64encode(speech("bye", "mp3")).decode()
BROKEN = Case("a wrong key", {"audioSource": HELLO, "model": "fake-401", "operation": "transcribe"},
              has(code=ErrorCode.PROVIDER_AUTH), fails=True)  # fmt: skip


def _says(text: str, media_type: str) -> Callable[[Any], bool]:
    return lambda audio: (heard(base64.b64decode(audio["base64"])), audio["mediaType"]) == (text, media_type)


def _timed(words: Any) -> bool:
    return [(word["word"], word["end"]) for word in words] == [("hello", 0.1), ("lamp", 0.2)]


def _transcription(url: str) -> Sequence[Case]:
    return [
        Case("a data URL", {"audioSource": HELLO}, has(text="hello lamp", duration=0.2, model="fake-model")),
        Case("base64 in an object", {"audioFile": {"data": BYE, "mimeType": "audio/mpeg"}}, has(text="bye")),
        Case("with times", {"audioSource": HELLO, "timestamps": True, "language": "en"},
             has(words=_timed, language="en")),
        Case("into English", {"audioSource": HELLO, "task": "translate"}, has(text="In English: hello lamp")),
        Case("subtitles", {"audioSource": HELLO, "outputFormat": "vtt"}, has(text=lambda text: text[:6] == "WEBVTT")),
        Case("nothing", {"model": "whisper-1"}, has(code=ErrorCode.INVALID_NODE_CONFIG), fails=True),
        Case("an address with nothing", {"audioSource": f"{url}/nothing.mp3"}, has(code=ErrorCode.HTTP_STATUS),
             fails=True),
        BROKEN,
    ]  # fmt: skip


def _input(_url: str) -> Sequence[Case]:
    asks = {"inputName": "memo", "model": "fake-model"}
    handed = {"inputName": "memo", "acceptedFormats": ["mp3", "wav"]}
    return [
        Case("written down", asks, has(text="hello lamp"), task={"inputs": {"memo": HELLO}}),
        Case("another one", asks, has(text="bye"), task={"inputs": {"memo": BYE}}),
        Case("handed on", handed, has(audio=HELLO, mediaType="audio/wav"), task={"inputs": {"memo": HELLO}}),
        Case("of another format", {**handed, "acceptedFormats": ["flac"]}, has(code=ErrorCode.INVALID_INPUT),
             fails=True, task={"inputs": {"memo": HELLO}}),
        Case("absent", asks, has(code=ErrorCode.INVALID_INPUT), fails=True),
    ]  # fmt: skip


def _output(_url: str) -> Sequence[Case]:
    return [
        Case("a text", {"textInput": "hello lamp", "outputFormat": "wav", "returnAsUrl": False},
             has(audio=_says("hello lamp", "audio/wav"), format="wav", voice="alloy")),
        Case("another one", {"text": "bye", "voice": "onyx", "returnFormat": "base64"},
             has(audio=_says("bye", "audio/mpeg"), voice="onyx")),
        Case("nothing", {"textInput": " "}, has(code=ErrorCode.INVALID_NODE_CONFIG), fails=True),
        Case("a provider that is down", {"textInput": "x", "model": "fake-500"}, has(code=ErrorCode.PROVIDER_ERROR),
             fails=True),
    ]  # fmt: skip


def _either(_url: str) -> Sequence[Case]:
    return [
        Case("speaks", {"operation": "tts", "textInput": "hello", "returnFormat": "base64"},
             has(audio=_says("hello", "audio/mpeg"))),
        Case("listens", {"operation": "transcribe", "audioInput": HELLO}, has(text="hello lamp")),
        Case("neither", {"operation": "sing"}, has(code=ErrorCode.INVALID_NODE_CONFIG), fails=True),
        BROKEN,
    ]  # fmt: skip


CONTRACTS = [
    Contract("audioTranscription", AGAINST, asking(_transcription)),
    Contract("audioInput", AGAINST, asking(_input)),
    Contract("audioOutput", AGAINST, asking(_output)),
    Contract("audio", AGAINST, asking(_either)),
]
