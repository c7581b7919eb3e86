"""From a notebook's graph to a bundle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from graphnb.authoring.digest import Placeholder
from graphnb.errors import ExportError
from graphnb.graph import GraphSpec
from graphnb.promote.artifacts import LiveValues
from graphnb.promote.artifacts.artifact import FOLDER
from graphnb.promote.bundle import Contents, write_bundle
from graphnb.promote.bundle.bundle import IMPORT_PATH, stand_ins_of
from graphnb.promote.bundle.form import own_form
from graphnb.promote.bundle.helpers import helpers_of
from graphnb.promote.bundle.provenance import Origin
from graphnb.promote.bundle.requirements import requirements
from graphnb.promote.bundle.secrets import masked
from graphnb.promote.bundle.write import shown_size
from graphnb.promote.extract import extract
from graphnb.promote.formatting import formatted
from graphnb.promote.plain.bundle import write_plain
from graphnb.promote.prove.proof import Proof, graph_in, prove

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from graphnb.authoring.sources import CellSource
    from graphnb.promote.artifacts import Artifact
    from graphnb.promote.bundle import Bundle
    from graphnb.promote.extract import Extract, Obstacle
    from graphnb.promote.notebook import Notebook

__all__ = ["ExportResult", "Recorded", "export"]

SpecOf = Callable[[Mapping[int, Placeholder]], GraphSpec]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was seen of a graph where it runs.

    Attributes:
        golden: requests with their answers, as JSON.
        profile: what requests took.
    """

    golden: Sequence[Mapping[str, Any]] = ()
    profile: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, repr=False)
class ExportResult:
    """A bundle that was written.

    Attributes:
        bundle: its folder, release and files.
        artifacts: the values that went into files.
        warnings: what may not be as it is in the notebook, each with its cell and a fix.
        proof: what was proved of it.
    """

    bundle: Bundle
    artifacts: tuple[Artifact, ...]
    warnings: tuple[Obstacle, ...]
    proof: Proof

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self.bundle.folder

    @property
    def release(self) -> str:
        """Its id: the same graph, from the same notebook, has the same."""
        return self.bundle.release

    @property
    def along(self) -> list[str]:
        """What became of each value that went along, for people."""
        sizes = {one.file: self.bundle.files[f"{FOLDER}/{one.file}"] for one in self.artifacts}
        return [
            f"{one.name}, a {one.kind}, went into {FOLDER}/{one.file}"
            f" ({shown_size(sizes[one.file])})"
            for one in self.artifacts
        ]

    def __repr__(self) -> str:
        files = f"{len(self.bundle.files)} files, {shown_size(self.bundle.size)}"
        lines = [f"{self.bundle.name}, release {self.release}: {self.folder} ({files})"]
        lines += [f"  {one}" for one in self.along]
        lines.append(f"  {self.proof}")
        for obstacle in self.warnings:
            lines += [f"  {line}" for line in masked(str(obstacle)).splitlines()]
        return "\n".join(lines)


def export(
    notebook: Notebook,
    folder: Path,
    *,
    name: str,
    spec_of: SpecOf | None,
    recorded: Recorded = Recorded(),
    venv: bool = False,
    plain: bool = False,
    progress: Callable[[str], None] = lambda _stage: None,
) -> ExportResult:
    """Writes the bundle of a graph, once it is proved.

    Args:
        notebook: in which it is written.
        folder: where the bundle goes; one that is there is replaced, if all goes well.
        name: what the application is called.
        spec_of: the graph as it runs in the notebook, given what stands in for artifacts in its
            digests; without it the bundle's own code says what it is.
        recorded: what was seen of it in the notebook.
        venv: whether the proof installs its requirements in a fresh environment.
        plain: whether it is plain Ray Serve code, that runs without graphnb.
        progress: is told what it is at.

    Raises:
        ExportError: something cannot be carried; says what, where, and what to do.
        ProofError: the bundle does not run alone, or answers otherwise.
    """
    progress("reading the cells")
    values = None if notebook.values is None else LiveValues(notebook.values, notebook.kept)
    found = _extract(
        notebook.cells,
        notebook.root,
        title=f"The graph {name}, taken from a notebook.",
        end=f'app = serve.build({{root}}, import_path="{IMPORT_PATH}")',
        imports="from graphnb import serve",
        values=values,
    )
    _refuse(found)
    artifacts = [one for key, one in _artifacts(values).items() if key in found.given]
    helpers, modules = helpers_of(found.modules, notebook.folder)
    modules |= {module for one in artifacts for module in one.libraries}
    local = {one.path.partition("/")[0].removesuffix(".py") for one in helpers}
    contents = Contents(
        name=name,
        spec_of=_spec_of(spec_of, artifacts),
        module=formatted(found.text),
        artifacts=artifacts,
        helpers=helpers,
        requirements=requirements(modules, local),
        golden=recorded.golden,
        cell_of=partial(_cell_of, notebook),
        origin=Origin(notebook.file, notebook.folder),
        form=own_form(),
        profile=recorded.profile,
    )
    proofs: list[Proof] = []

    def approve(bundle: Bundle) -> None:
        proofs.append(prove(bundle, values=notebook.values, venv=venv, progress=progress))

    if plain:
        bundle, proof = write_plain(contents, folder, progress, approve)
        proofs = [replace(proof, seconds=proofs[0].seconds + proof.seconds)]
    else:
        bundle = write_bundle(contents, folder, progress, approve)
    said = [] if values is None else [*values.lost, *values.taken_here]
    taken = tuple(one for one in artifacts if f"{FOLDER}/{one.file}" in bundle.files)
    return ExportResult(bundle, taken, (*said, *found.obstacles), proofs[0])


def _extract(cells: Sequence[CellSource], root: str, **options: Any) -> Extract:
    try:
        return extract(cells, root, **options)
    except SyntaxError as error:
        raise ExportError(f"{root!r} is no expression: {error.msg}") from None


def _spec_of(live: SpecOf | None, artifacts: Sequence[Artifact]) -> Callable[[Path], GraphSpec]:
    if live is None:
        return graph_in
    values = {one.name: one.value for one in artifacts}
    return lambda folder: live(stand_ins_of(folder, values))


def _cell_of(notebook: Notebook, line: str) -> str:
    """The last cell that has a line of source, for people."""
    said = line.strip()
    found = (one for one in reversed(notebook.cells) if said in one.raw)
    return next((f"cell {one.ordinal}" for one in found), "")


def _artifacts(values: LiveValues | None) -> Mapping[str, Artifact]:
    return {} if values is None else values.artifacts


def _refuse(found: Extract) -> None:
    """Raises ExportError for the first of the errors; says how many more there are."""
    if not found.errors:
        return
    first, *others = found.errors
    more = f" (and {len(others)} more)" if others else ""
    place = f"{first.where}: " if first.where else ""
    raise ExportError(masked(f"{place}{first.message}{more}"), hint=first.fix)
