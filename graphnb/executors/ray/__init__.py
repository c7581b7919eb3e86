"""Runs graphs on Ray Serve: on this machine, or on the cluster at `RAY_ADDRESS`."""

from graphnb.executors.ray.executor import RayExecutor

__all__ = ["RayExecutor"]
