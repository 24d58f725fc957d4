"""The Serve application for a cluster: named by ``import_path: serve_app:build_app`` in a Serve config."""

from flowray.bootstrap_ray import runtime_config, serve_application
from flowray.runtime.on_ray.cluster import create_actors
from flowray.settings import Settings


def build_app(args: dict[str, str]) -> object:
    """Load the settings (``args`` override the environment), start the actors, bind the ingress."""
    settings = Settings(**args)
    config = runtime_config(settings)
    create_actors(config)
    return serve_application(settings, config)
