"""A workflow that uses a connection, from the API to an HTTP server: the secret arrives there, and nowhere else."""

from __future__ import annotations

import httpx

from flowray.api.app import create_app
from flowray.api.context import AppServices
from flowray.api.tokens import PublicTokens
from flowray.handlers.integrations.catalogue import Catalogue
from flowray.handlers.integrations.directory import ProviderDirectory
from flowray.handlers.providers.aiohttp_transport import AiohttpTransport
from flowray.handlers.registry import default_registry
from flowray.handlers.services import Payloads, Services
from flowray.persistence.connections.sealing import Sealer, new_key
from flowray.persistence.memory.store import MemoryStore
from flowray.runtime.local import LocalRuntime
from tests.fakes.http_app import create_http_app
from tests.fakes.loopback import loopback_server
from tests.fakes.services import fake_services

TOKEN = "a-token-that-nobody-may-see"
SEALER = Sealer([new_key()])


def workflow(url: str) -> dict[str, object]:
    def node(operation: str, path: str) -> dict[str, object]:
        config = {"provider": "webhook", "operation": operation, "connection": "team", "url": url + path}
        return {"type": "integration", "config": config}

    start = {"type": "input", "config": {}}
    return {
        "name": "calls",
        "nodes": {"start": start, "good": node("send", "/echo"), "bad": node("get", "/status/401")},
        "edges": [{"source": "start", "target": "good"}, {"source": "good", "target": "bad"}],
    }  # fmt: skip


def services(payloads: Payloads) -> Services:
    http = AiohttpTransport(allow_private=True)
    directory = ProviderDirectory(Catalogue(http), [])
    return fake_services(payloads=payloads, http=http, integrations=directory, close=http.aclose)


async def test_a_secret_reaches_the_server_and_nothing_that_is_recorded() -> None:
    store = MemoryStore()
    registry = default_registry(plugins=False)
    runtime = LocalRuntime(store, store, store.payloads, registry, services, opener=lambda: SEALER)
    runtime.start_threads()
    app = create_app(AppServices(runtime, registry, PublicTokens("x" * 16), opener=lambda: SEALER))
    transport = httpx.ASGITransport(app)
    with loopback_server(create_http_app()) as url:
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://flowray", timeout=60) as client,
        ):
            made = await client.post(
                "/v1/connections", json={"name": "team", "kind": "bearer", "secrets": {"token": TOKEN}}
            )
            assert made.status_code == 201
            started = await client.post(
                "/v1/executions", json={"definition": workflow(url), "inputs": {}}, params={"wait": "60"}
            )
            its_id = started.json()["id"]
            ended = (await client.get(f"/v1/executions/{its_id}", params={"wait": "60"})).json()
            log = await client.get(f"/v1/executions/{its_id}/nodes")
            good = (await client.get(f"/v1/executions/{its_id}/nodes/good/output")).json()
    await runtime.close()
    assert ended["status"] == "failed"
    assert ended["errors"][0]["code"] == "PROVIDER_AUTH"
    # The server has got it and said so; what is kept of that is masked.
    assert "Bearer ***" in str(good)
    kept = str([batch.events for batches in store._tables.batches.values() for batch in batches])
    assert "good" in kept
    assert TOKEN not in kept + log.text + str(ended) + str(good) + str(store.connections.all())
