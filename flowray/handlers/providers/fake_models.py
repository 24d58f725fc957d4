"""The routes of the fake OpenAI server for embeddings, images, audio and video. Faults are asked for as of its chat."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping
from email import message_from_bytes
from email.message import Message
from typing import Any, Protocol

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from flowray.handlers.providers.fake_media import heard, png, speech, video
from flowray.handlers.providers.fake_replies import count_tokens
from flowray.handlers.providers.fake_vectors import DIMENSIONS, fake_vector

POLLS = 2
"""How often a video is asked after before it is done."""


class Faulty(Protocol):
    """What the server does before it answers: note the request, then answer with a fault, or None."""

    async def __call__(self, request: Request, body: dict[str, Any], prompt: str) -> Response | None: ...


def add_model_routes(app: FastAPI, begin: Faulty) -> None:
    """``begin`` is asked first, for every request that starts something."""

    @app.post("/v1/embeddings")
    async def embeddings(request: Request) -> Response:
        body = await request.json()
        given = body.get("input")
        texts = given if isinstance(given, list) else [given]
        fault = await begin(request, body, str(texts[0] if texts else ""))
        return fault or JSONResponse(_embeddings(body, [str(text) for text in texts]))

    _add_images(app, begin)
    _add_audio(app, begin)
    _add_video(app, begin)


def _add_images(app: FastAPI, begin: Faulty) -> None:
    pictures: dict[str, bytes] = {}

    async def answer(request: Request, body: dict[str, Any], prompt: str) -> Response:
        fault = await begin(request, body, prompt)
        if fault is not None:
            return fault
        made = [_picture(body, f"{prompt} {at or ''}", pictures, request) for at in range(int(body.get("n", 1)))]
        tokens = count_tokens(prompt)
        usage = {
            "input_tokens": tokens, "output_tokens": 100 * len(made), "total_tokens": tokens + 100 * len(made),
            "input_tokens_details": {"text_tokens": tokens, "image_tokens": 0},
        }  # fmt: skip
        return JSONResponse({"created": 0, "data": made, "usage": usage})

    @app.post("/v1/images/generations")
    async def generate(request: Request) -> Response:
        body = await request.json()
        return await answer(request, body, str(body.get("prompt", "")))

    @app.post("/v1/images/edits")
    async def edit(request: Request) -> Response:
        fields, files = await _form(request)
        seen = hashlib.sha256(b"".join(files.values())).hexdigest()[:8]
        return await answer(request, fields, f"{fields.get('prompt', '')} of {seen}")

    @app.get("/pictures/{name}")
    async def shown(name: str) -> Response:
        return Response(pictures.get(name, b""), media_type="image/png")


def _add_audio(app: FastAPI, begin: Faulty) -> None:
    @app.post("/v1/audio/transcriptions")
    async def transcriptions(request: Request) -> Response:
        fields, files = await _form(request)
        text = heard(b"".join(files.values()))
        return await begin(request, fields, text) or _transcript(fields, text)

    @app.post("/v1/audio/translations")
    async def translations(request: Request) -> Response:
        fields, files = await _form(request)
        text = f"In English: {heard(b''.join(files.values()))}"
        return await begin(request, fields, text) or _transcript(fields, text)

    @app.post("/v1/audio/speech")
    async def spoken(request: Request) -> Response:
        body = await request.json()
        text, kind = str(body.get("input", "")), str(body.get("response_format", "mp3"))
        return await begin(request, body, text) or Response(speech(text, kind), media_type=f"audio/{kind}")


def _add_video(app: FastAPI, begin: Faulty) -> None:
    videos: dict[str, dict[str, Any]] = {}
    polls: Counter[str] = Counter()

    @app.post("/v1/videos")
    async def start(request: Request) -> Response:
        body = await request.json()
        fault = await begin(request, body, str(body.get("prompt", "")))
        if fault is not None:
            return fault
        name = f"video_{len(videos) + 1}"
        videos[name] = {
            "id": name, "object": "video", "created_at": 0, "model": body.get("model"), "status": "queued",
            "progress": 0, "seconds": str(body.get("seconds", "4")), "size": body.get("size", "720x1280"),
            "prompt": body.get("prompt"),
        }  # fmt: skip
        return JSONResponse(videos[name])

    @app.get("/v1/videos/{name}")
    async def ask(name: str) -> dict[str, Any]:
        polls[name] += 1
        if polls[name] >= POLLS:
            failed = "impossible" in str(videos[name]["prompt"])
            videos[name] |= {"status": "failed" if failed else "completed", "progress": 100}
            videos[name]["error"] = {"code": "moderation", "message": "this cannot be shown"} if failed else None
        return videos[name]

    @app.get("/v1/videos/{name}/content")
    async def watch(name: str) -> Response:
        return Response(video(str(videos[name]["prompt"])), media_type="video/mp4")


def _embeddings(body: dict[str, Any], texts: list[str]) -> dict[str, Any]:
    size = int(body.get("dimensions") or DIMENSIONS)
    data = [{"object": "embedding", "index": at, "embedding": fake_vector(text, size)} for at, text in enumerate(texts)]
    tokens = sum(count_tokens(text) for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": body.get("model"), "usage": usage}


def _picture(body: Mapping[str, Any], prompt: str, pictures: dict[str, bytes], request: Request) -> dict[str, Any]:
    size = str(body.get("size", "64x64"))
    width, _, height = (size if "x" in size else "64x64").partition("x")
    made = png(prompt, int(width), int(height))
    answer = {"revised_prompt": f"A picture of: {prompt.strip()}"}
    if body.get("response_format") != "url":
        return {**answer, "b64_json": base64.b64encode(made).decode()}
    name = f"{hashlib.sha256(made).hexdigest()[:16]}.png"
    pictures[name] = made
    return {**answer, "url": f"{str(request.base_url).rstrip('/')}/pictures/{name}"}


def _transcript(fields: Mapping[str, Any], text: str) -> Response:
    kind, seconds = str(fields.get("response_format", "json")), len(text.split()) / 10
    if kind == "text":
        return Response(f"{text}\n", media_type="text/plain")
    if kind in ("srt", "vtt"):
        head, point = ("WEBVTT\n\n", ".") if kind == "vtt" else ("1\n", ",")
        return Response(f"{head}00:00:00{point}000 --> 00:00:01{point}000\n{text}\n", media_type="text/plain")
    answer: dict[str, Any] = {"text": text, "usage": {"type": "duration", "seconds": seconds}}
    if kind == "verbose_json":
        words = [{"word": word, "start": at / 10, "end": (at + 1) / 10} for at, word in enumerate(text.split())]
        segment = {
            "id": 0, "seek": 0, "start": 0.0, "end": seconds, "text": text, "tokens": [], "temperature": 0.0,
            "avg_logprob": 0.0, "compression_ratio": 1.0, "no_speech_prob": 0.0,
        }  # fmt: skip
        answer |= {"language": fields.get("language", "english"), "duration": seconds, "segments": [segment]}
        answer |= {"words": words}
    return JSONResponse(answer)


async def _form(request: Request) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The fields and files of a multipart body, read with the standard library."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    parsed = message_from_bytes(head + await request.body())
    fields: dict[str, Any] = {}
    files: dict[str, bytes] = {}
    for part in parsed.get_payload():
        assert isinstance(part, Message)
        name = str(part.get_param("name", header="content-disposition"))
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        if part.get_filename() is not None:
            files[f"{name} {len(files)}"] = content
        else:
            fields[name] = content.decode()
    return fields, files
