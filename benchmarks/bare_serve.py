"""A bare Ray + Serve "hello": what flowray's start is compared with."""

from __future__ import annotations

import logging
import sys
import time

import ray
from fastapi import FastAPI
from ray import serve

app = FastAPI()


@serve.deployment(ray_actor_options={"num_cpus": 0})
@serve.ingress(app)
class Hello:
    """Says hello."""

    @app.get("/")
    def hello(self) -> str:
        """The only route."""
        return "hello"


if __name__ == "__main__":
    ray.init(include_dashboard=False, logging_level=logging.WARNING, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(Hello.bind())
    try:
        time.sleep(3600)
    except KeyboardInterrupt:
        serve.shutdown()
        ray.shutdown()
