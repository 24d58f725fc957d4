"""Free TCP ports of this machine."""

from __future__ import annotations

import errno
import random
import socket

FREE_PORTS = range(20_000, 32_000)


def free_port(host: str) -> int:
    """A TCP port that nobody listens on at this moment.

    From below those that the system hands out by itself: Ray starts a dozen processes between the choice and its use,
    each of which takes some.
    """
    chance = random.SystemRandom()
    while True:
        port = chance.choice(FREE_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                continue
            return port
