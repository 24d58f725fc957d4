"""What the fake models make and understand: pictures of one colour, and audio that carries its text. Deterministic."""

from __future__ import annotations

import hashlib
import struct
import zlib

WAV_RATE = 8_000
_TEXT = b"FAKE"
"""Marks the text inside audio: a chunk of that name in a WAV file, bytes of that name in other formats."""

_MAGIC = {"mp3": b"ID3\x04\x00\x00\x00\x00\x00\x00", "opus": b"OggS", "flac": b"fLaC", "aac": b"\xff\xf1"}


def png(prompt: str, width: int, height: int) -> bytes:
    """A picture of one colour that follows from the prompt."""
    colour = hashlib.sha256(prompt.encode()).digest()[:3]
    rows = (b"\x00" + colour * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(name, data) for name, data in parts)


def _png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def speech(text: str, audio_format: str) -> bytes:
    """Audio that ``heard`` understands: of a wav a tenth of a second per word, of others only the first bytes fit."""
    said = _TEXT + struct.pack("<I", len(text.encode())) + text.encode()
    if audio_format != "wav":
        return _MAGIC.get(audio_format, b"") + said
    samples = b"\x80" * (WAV_RATE // 10 * len(text.split()))
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, WAV_RATE, WAV_RATE, 1, 8)
    body = b"WAVE" + fmt + said + b"\x00" * (len(said) % 2) + b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", len(body)) + body


def heard(audio: bytes) -> str:
    """The text that ``speech`` put in; of other audio, something that follows from its bytes."""
    at = audio.find(_TEXT)
    if at < 0:
        return f"Something is said ({len(audio)} bytes, {hashlib.sha256(audio).hexdigest()[:8]})"
    length = struct.unpack_from("<I", audio, at + 4)[0]
    return audio[at + 8 : at + 8 + length].decode("utf-8", errors="replace")


def video(prompt: str) -> bytes:
    """The first box of an MP4 file, and the prompt in a box that players skip."""
    free = prompt.encode()
    return b"\x00\x00\x00\x14ftypisom\x00\x00\x02\x00isom" + struct.pack(">I", len(free) + 8) + b"free" + free
