"""Free ports are free, and below those that the system hands out."""

from __future__ import annotations

import socket

from flowray.cli.ports import FREE_PORTS, free_port


def test_a_free_port_can_be_bound() -> None:
    port = free_port("127.0.0.1")
    assert port in FREE_PORTS
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))
