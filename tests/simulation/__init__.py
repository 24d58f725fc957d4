"""Deterministic simulation: real drivers and orchestrators in a world of simulated time, stores, lanes and failures."""
