"""Ray Serve's own local testing mode: applications in this process, without a Ray cluster.

Ray is imported when the first of them is run, never before.
"""

import logging
from collections.abc import Callable
from typing import Any


def run(build: Callable[[Any], Any], name: str) -> Any:
    """Runs an application and returns the handle of its ingress.

    Args:
        build: makes the application with what `ray.serve` offers.
        name: the application's name.
    """
    from ray import serve

    # Quiet is also the faster way, so Ray's figures lose nothing by it.
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    quiet = {"log_level": "WARNING"}
    return serve.run(build(serve), name=name, logging_config=quiet, _local_testing_mode=True)
