"""What handlers reach of the outer world, made of Settings: one Services per process that runs nodes."""

from __future__ import annotations

import asyncio
from functools import partial

from flowray.bootstrap_databases import build_databases
from flowray.bootstrap_integrations import build_integrations
from flowray.bootstrap_models import build_prices, build_providers, open_answers
from flowray.bootstrap_workspaces import open_workspaces, workspace_limits
from flowray.handlers.answers import MemoryAnswers
from flowray.handlers.circuit_breaker import CircuitBreakers
from flowray.handlers.mailing import SmtpServer
from flowray.handlers.model_calls import DEFAULT_PROVIDER
from flowray.handlers.providers.aiohttp_transport import AiohttpTransport
from flowray.handlers.providers.json_search import JsonSearch
from flowray.handlers.providers.lazy_models import LazyChatModel, LazyClients, LazyModels
from flowray.handlers.providers.mcp_tools import McpServer, PooledMcpTools
from flowray.handlers.providers.smtp_mail import SmtpMail
from flowray.handlers.providers.workspaces.read_roots import FolderReadRoots
from flowray.handlers.providers.workspaces.threaded import ThreadedWorkspace
from flowray.handlers.search import NoWebSearch, WebSearch
from flowray.handlers.services import Payloads, Services
from flowray.persistence.llm_cache.sql import SqlAnswers
from flowray.runtime.sandbox.killable_processes import KillableProcesses
from flowray.runtime.sandbox.process_sandbox import ProcessSandbox, SandboxOptions
from flowray.settings import Settings, allowed_environment, secret_from_environment

WARM_UP_MS = 30_000


def build_services(settings: Settings, payloads: Payloads, *, in_memory: bool = False) -> Services:
    """The outer world as handlers see it. Keys are read from the environment here, in the process that uses them.
    ``in_memory``: what models have answered is forgotten with this process.
    """
    http = AiohttpTransport(allow_private=settings.allow_private_targets)
    clients = LazyClients(build_providers(settings), default=DEFAULT_PROVIDER)
    chat = LazyChatModel(clients)
    breakers, prices = CircuitBreakers(), build_prices(settings)
    killable = KillableProcesses()
    mcp = PooledMcpTools(_mcp_servers(settings), http)
    sandbox = ProcessSandbox(SandboxOptions(workers=settings.sandbox_workers, trusted_code=settings.trusted_code))

    databases = build_databases(settings)

    async def warm_up() -> None:
        """Import the SDK and start the sandbox's worker: half a second that the first node does not wait for."""
        await asyncio.to_thread(chat.load)
        await sandbox.jsonata("1", None, {}, WARM_UP_MS)

    async def close() -> None:
        await mcp.aclose()
        await http.aclose()
        await clients.aclose()
        await sandbox.aclose()
        await killable.aclose()
        await databases.aclose()

    return Services(
        http=http,
        chat=chat,
        sandbox=sandbox,
        databases=databases,
        mcp=mcp,
        payloads=payloads,
        integrations=build_integrations(settings, http, mcp),
        models=LazyModels(clients, breakers, prices),
        breakers=breakers,
        prices=prices,
        answers=MemoryAnswers() if in_memory else SqlAnswers(partial(open_answers, settings)),
        env=allowed_environment(settings.env_allow),
        files=ThreadedWorkspace(partial(open_workspaces, settings), workspace_limits(settings)),
        read_roots=FolderReadRoots(settings.read_roots),
        killable=killable,
        search=_web_search(settings, http),
        mail=SmtpMail(_mail_server(settings), allow_private=settings.allow_private_targets),
        mail_from=settings.smtp_from,
        warm_up=warm_up,
        close=close,
    )


def _mail_server(settings: Settings) -> SmtpServer | None:
    if settings.smtp_host is None:
        return None
    password = secret_from_environment(settings.smtp_password_env)
    return SmtpServer(settings.smtp_host, settings.smtp_port, settings.smtp_security, settings.smtp_username, password)


def _web_search(settings: Settings, http: AiohttpTransport) -> WebSearch:
    if settings.search_url is None:
        return NoWebSearch()
    return JsonSearch(http, settings.search_url, secret_from_environment(settings.search_api_key_env))


def _mcp_servers(settings: Settings) -> dict[str, McpServer]:
    found: dict[str, McpServer] = {}
    for name, server in settings.mcp_servers.items():
        token = secret_from_environment(server.token_env) if server.token_env else None
        headers = {**server.headers, **({"Authorization": f"Bearer {token}"} if token else {})}
        env = {**server.env, **allowed_environment(server.env_pass)}
        found[name] = McpServer(name, server.url, headers, server.command, server.args, env, server.cwd)
    return found
