"""The main loop of a sandbox process: one call in, one outcome out, until the other side hangs up. Starts nothing."""

from __future__ import annotations

import gc
import socket
import struct

import msgspec

from flowray.runtime.sandbox.calls import Call, Outcome
from flowray.runtime.sandbox.evaluation import confine, evaluate
from flowray.runtime.sandbox.javascript import prepare

LENGTH = struct.Struct("!Q")
"""Bytes of the frame that follows."""


def serve(descriptor: int, memory_bytes: int) -> None:
    """Answer calls on the socket ``descriptor``, confined to ``memory_bytes``."""
    confine(memory_bytes)
    # What was imported stays: looking through it again for every call's garbage takes longer than the call.
    gc.freeze()
    prepare()
    decoder, encoder = msgspec.msgpack.Decoder(Call), msgspec.msgpack.Encoder()
    with socket.socket(fileno=descriptor) as connection:
        connection.sendall(LENGTH.pack(0))  # ready: from now on time counts
        while (frame := _received(connection)) is not None:
            try:
                outcome = evaluate(decoder.decode(frame))
            except MemoryError:
                outcome = Outcome(problem="error", message="it needs more memory than the sandbox allows")
            del frame
            answer = encoder.encode(outcome)
            connection.sendall(LENGTH.pack(len(answer)) + answer)
            prepare()


def _received(connection: socket.socket) -> bytes | None:
    """The next frame; None once nobody is there any more."""
    header = _exactly(connection, LENGTH.size)
    return None if header is None else _exactly(connection, LENGTH.unpack(header)[0])


def _exactly(connection: socket.socket, count: int) -> bytes | None:
    pieces = bytearray()
    while len(pieces) < count:
        piece = connection.recv(min(count - len(pieces), 1 << 20))
        if not piece:
            return None
        pieces += piece
    return bytes(pieces)
