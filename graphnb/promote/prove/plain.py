"""Plain code of a bundle, written and tried in a clean process."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from graphnb.errors import ProofError
from graphnb.graph.schema import spec_from_json
from graphnb.promote.bundle.secrets import masked
from graphnb.promote.prove.proof import CLEAN, Proof, run_clean

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphnb.promote.bundle import Bundle

__all__ = ["driver_of", "prove_plain"]


def driver_of(bundle: Bundle, progress: Callable[[str], None]) -> dict[str, Any]:
    """The driver of a bundle's graph as plain code: "text", "imports", and "needs" of its module.

    Raises:
        ProofError: it cannot be written.
    """
    command = [sys.executable, "-IB", "-m", CLEAN, str(bundle.folder), "--driver", bundle.name]
    found: dict[str, Any] = run_clean(command, progress, until="described")["described"]
    return found


def prove_plain(bundle: Bundle, progress: Callable[[str], None]) -> Proof:
    """Runs a bundle of plain code where there is nothing else: in a clean process, on threads.

    Args:
        bundle: as it is on disk.
        progress: is told what it is at.

    Raises:
        ProofError: it does not import, has other deployments, or answers otherwise.
    """
    began = time.monotonic()
    command = [sys.executable, "-IB", "-m", CLEAN, str(bundle.folder), "--plain"]
    found = run_clean(command, progress, until="answered")
    _check_deployments(bundle, found["built"]["spec"])
    answered = found["answered"]
    if answered["mismatches"]:
        raise ProofError(
            masked("\n".join(answered["mismatches"])), hint="this is a fault of graphnb: report it"
        )
    return Proof(answered["count"], time.monotonic() - began, "imports without graphnb")


def _check_deployments(bundle: Bundle, said: str) -> None:
    """Raises ProofError if a deployment of the graph is missing, or has other options."""
    found = {one.name: one.options for one in spec_from_json(said).deployments}
    for one in bundle.spec.deployments:
        wanted = {key: value for key, value in one.options.items() if key != "route_prefix"}
        if dict(found.get(one.name, {"": None})) != wanted:
            raise ProofError(
                f"the plain code does not have the deployment {one.name} as the graph has it",
                hint="this is a fault of graphnb: report it",
            )
