"""Clients of the HTTP API. They know the wire and nothing of the server's inside."""

from __future__ import annotations

from flowray.client.async_client import AsyncClient
from flowray.client.sync_client import Client

__all__ = ["AsyncClient", "Client"]
