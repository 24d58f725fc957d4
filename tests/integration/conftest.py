"""Everything here may start Ray, and does so once per session."""

from tests.ray_fixtures import literal_server, llm, ray_cluster, script, server, world

__all__ = ["literal_server", "llm", "ray_cluster", "script", "server", "world"]
