"""A Ray of several nodes on this machine, as a process: prints its address, adds a node for each line that it reads.

Ends with its standard input. The first node has no processors: flowray's own actors are there, which ask for none.
"""

from __future__ import annotations

import os
import sys

import ray.cluster_utils

from flowray.runtime.on_ray.session import ENVIRONMENT


def main(cores: int, slots: int) -> None:
    """What each node that is added has of ``bench_core`` and ``bench_slot``, resources of the benchmark's own.

    It has as many CPUs as slots, which nobody asks for: so many idle processes does Ray keep.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    cluster = ray.cluster_utils.Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}
    )  # fmt: skip
    try:
        print(cluster.address, flush=True)
        for _ in sys.stdin:
            cluster.add_node(num_cpus=slots, resources={"bench_core": cores, "bench_slot": slots})
            print("added", flush=True)
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
