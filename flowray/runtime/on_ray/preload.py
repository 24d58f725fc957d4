"""Imported by every Ray worker as it starts, so that an actor's first call does not pay for it. Imports only."""

import flowray.handlers.registry
import flowray.persistence.sql.committer
import flowray.persistence.sql.reader
import flowray.runtime.on_ray.orchestrator_actor  # noqa: F401
