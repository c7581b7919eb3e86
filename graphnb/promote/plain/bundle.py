"""The bundle of a graph as plain Ray Serve code."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from graphnb.promote.bundle import write_bundle
from graphnb.promote.bundle.bundle import DRIVING
from graphnb.promote.bundle.helpers import helpers_of
from graphnb.promote.bundle.requirements import requirements
from graphnb.promote.formatting import formatted
from graphnb.promote.plain.form import driving_modules, plain_form
from graphnb.promote.plain.imports import refuse_graphnb, without_graphnb
from graphnb.promote.plain.source import plain_source
from graphnb.promote.prove.plain import driver_of, prove_plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphnb.promote.artifacts import Artifact
    from graphnb.promote.bundle import Bundle, Contents
    from graphnb.promote.bundle.helpers import Helper
    from graphnb.promote.prove.proof import Proof

__all__ = ["write_plain"]


def write_plain(
    contents: Contents,
    folder: Path,
    progress: Callable[[str], None],
    approve: Callable[[Bundle], None],
) -> tuple[Bundle, Proof]:
    """Writes the bundle of a graph as plain code, made of its own bundle, once both are proved.

    Args:
        contents: of its own bundle.
        folder: where the plain one goes.
        progress: is told what it is at.
        approve: raises what is wrong with its own bundle.

    Raises:
        ExportError: something cannot be said in plain code.
        ProofError: one of the two does not run alone, or answers otherwise.
    """
    with tempfile.TemporaryDirectory(prefix="graphnb-plain-") as made:
        own = write_bundle(contents, Path(made) / "bundle", progress, approve)
        progress("writing plain Ray Serve code")
        driver = driver_of(own, progress)
    plain = _plain(contents, own, driver["text"], driver["imports"], driver["needs"])
    proofs: list[Proof] = []
    bundle = write_bundle(
        plain, folder, progress, lambda staged: proofs.append(prove_plain(staged, progress))
    )
    return bundle, proofs[0]


def _plain(
    contents: Contents, own: Bundle, driver: str, imports: list[str], needs: list[str]
) -> Contents:
    """What goes into the plain bundle, given that of the other one."""
    title = f"The graph {contents.name}, taken from a notebook, as plain Ray Serve code."
    wanted = {*needs}
    while True:  # until what files hold, and say nothing of in source, is there too
        found = plain_source(
            contents.module, driver, imports=imports, needs=sorted(wanted), title=title
        )
        artifacts = [one for one in contents.artifacts if one.file in found.text]
        held = {name for one in artifacts for name in one.needs}
        if held <= wanted:
            break
        wanted |= held
    used = {one for one in found.modules if one.partition(".")[0] != DRIVING}
    helpers, modules = helpers_of(used, contents.origin.folder)
    modules |= driving_modules(found.text) | _libraries(artifacts)
    local = {one.path.partition("/")[0].removesuffix(".py") for one in helpers}
    return replace(
        contents,
        spec_of=lambda _folder: own.spec,
        module=formatted(found.text),
        artifacts=artifacts,
        helpers=[_plain_helper(one) for one in helpers],
        requirements=requirements(modules, local),
        form=plain_form(),
    )


def _libraries(artifacts: list[Artifact]) -> set[str]:
    return {module for one in artifacts for module in one.libraries}


def _plain_helper(helper: Helper) -> Helper:
    if not helper.text:
        return helper
    text = without_graphnb(helper.text)
    refuse_graphnb(text, helper.path)
    return replace(helper, rewritten=text)
