"""Peers of flowray, measured with the same workloads in the same run, each in an environment of its own."""
