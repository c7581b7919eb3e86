"""Writes a bundle in one piece: it is there as a whole, or what was there stays."""

from __future__ import annotations

import json
import platform
import tempfile
from base64 import b64decode
from dataclasses import dataclass, field, replace
from hashlib import sha256
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from graphnb.errors import ExportError
from graphnb.graph.schema import spec_to_json
from graphnb.promote.artifacts.artifact import FOLDER
from graphnb.promote.bundle.bundle import (
    DRIVING,
    GOLDEN,
    GRAPH,
    IMPORT_PATH,
    MODULE,
    PROVENANCE,
    README,
    SERVE,
    WHEELS,
    Bundle,
    paths_of,
    read_bundle,
    release_of,
)
from graphnb.promote.bundle.kube import dockerfile, rayservice
from graphnb.promote.bundle.provenance import Origin, provenance
from graphnb.promote.bundle.secrets import ALLOWED, Secret, SecretFinder
from graphnb.promote.bundle.serve_config import yaml_text
from graphnb.promote.bundle.variables import variables_in
from graphnb.rayserve.config_file import application_entry, checked_config

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from graphnb.graph import GraphSpec
    from graphnb.promote.artifacts import Artifact
    from graphnb.promote.bundle.form import Form
    from graphnb.promote.bundle.helpers import Helper
    from graphnb.promote.bundle.requirements import Requirement

__all__ = ["Contents", "write_bundle"]

_ABOUT = {
    MODULE: "the graph: its code, as it was in the notebook",
    f"{FOLDER}/": "what was computed there, and is loaded here",
    SERVE: "what `serve deploy` takes; the options of every deployment",
    GRAPH: "the graph as JSON: names, edges, options, digests",
    "requirements.txt": "the libraries, at the versions of the notebook",
    "wheels/": "graphnb itself",
    f"{DRIVING}/": "what the driver of plain code takes along",
    "Dockerfile": "an image of this folder (checked by form alone)",
    "rayservice.yaml": "KubeRay's form of serve.yaml (checked by form alone)",
    "tests/": "golden requests, and a test that sends them",
    PROVENANCE: "where all of this comes from",
}
_NO_GOLDEN = "No golden requests were recorded: the test only starts the graph."


@dataclass(frozen=True, slots=True)
class Contents:
    """What goes into a bundle.

    Attributes:
        name: the graph's.
        spec_of: the graph as it is in the notebook, given a bundle's folder that has all of its
            code: artifacts count in its digests by the hashes of their files.
        module: the text of `app.py`.
        artifacts: the values that it loads.
        helpers: the local modules that it imports.
        requirements: the libraries that it takes, beside graphnb.
        golden: requests with their answers, as JSON.
        origin: where it comes from.
        form: what it brings beside the graph's code.
        cell_of: the cell in which a line of source stands, for people; "" if that is unknown.
        profile: what requests took in the notebook.
    """

    name: str
    spec_of: Callable[[Path], GraphSpec]
    module: str
    artifacts: Sequence[Artifact]
    helpers: Sequence[Helper]
    requirements: Sequence[Requirement]
    golden: Sequence[Mapping[str, Any]]
    origin: Origin
    cell_of: Callable[[str], str]
    form: Form
    profile: Mapping[str, Any] | None = field(default=None)


def write_bundle(
    contents: Contents,
    folder: Path,
    progress: Callable[[str], None],
    approve: Callable[[Bundle], None] = lambda _bundle: None,
) -> Bundle:
    """Writes a bundle.

    Args:
        contents: what goes into it.
        folder: where to; a bundle that is there already, as it was written, is replaced.
        progress: is told what it is at.
        approve: raises what is wrong with the bundle, before it takes its place.

    Raises:
        ExportError: the folder holds something else, a value cannot be saved, or a secret is found.
        DeployError: Ray Serve does not take an option.
        Exception: what `approve` raises.
    """
    folder = folder.resolve()
    try:
        _check_free(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as made:
            staged = Path(made) / "bundle"
            _write_all(contents, staged, progress)
            _refuse_secrets(staged, contents.cell_of)
            bundle = read_bundle(staged)
            approve(bundle)
            if folder.exists():
                folder.rename(Path(made) / "before")
            staged.rename(folder)
    except OSError as error:
        said = error.strerror or type(error).__name__
        raise ExportError(f"{folder} cannot be written: {said}") from error
    return replace(bundle, folder=folder)


def _check_free(folder: Path) -> None:
    """Raises ExportError if anything would be lost that is not a bundle as it was written."""
    if folder in (Path.cwd(), *Path.cwd().parents):
        raise ExportError(f"{folder} is where this runs", hint="name a folder below it")
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    provenance_file = folder / PROVENANCE
    if not provenance_file.is_file():
        raise ExportError(
            f"{folder} is there already, and is no bundle", hint="name a folder that is not there"
        )
    try:
        said = json.loads(provenance_file.read_text("utf-8"))["release"]
    except (ValueError, LookupError, TypeError):
        said = None
    if said != release_of(folder):
        raise ExportError(
            f"the bundle in {folder} was changed after it was written, and would be lost",
            hint="name another folder, or delete it",
        )


def _write_all(contents: Contents, staged: Path, progress: Callable[[str], None]) -> None:
    staged.mkdir()
    _write_code(contents, staged, progress)
    spec = contents.spec_of(staged)
    for path, text in _texts(contents, spec).items():
        _put(staged / path, text.encode())
    release = release_of(staged)
    graph = sha256(spec_to_json(spec).encode()).hexdigest()
    said = provenance(contents.origin, release=release, graph=graph, profile=contents.profile)
    _put(staged / PROVENANCE, said.encode())
    readme = _readme(contents, staged, release, spec.route_prefix)
    _put(staged / README, readme.encode())


def _write_code(contents: Contents, staged: Path, progress: Callable[[str], None]) -> None:
    """All that it takes to import the module."""
    for path, data in contents.form.files.items():
        _put(staged / path, data)
    lines = [*contents.form.requirements, *map(str, contents.requirements)]
    _put(staged / "requirements.txt", ("\n".join(lines) + "\n").encode())
    _put(staged / MODULE, contents.module.encode())
    for one in contents.helpers:
        _put(staged / one.path, one.data)
    if contents.artifacts:
        (staged / FOLDER).mkdir()
    for artifact in contents.artifacts:
        progress(f"saving {artifact.name}")
        artifact.write(staged / FOLDER)


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _texts(contents: Contents, spec: GraphSpec) -> dict[str, str]:
    python = ".".join(platform.python_version_tuple()[:2])
    ray = version("ray")
    entry = application_entry(
        spec,
        name=contents.name,
        route_prefix=spec.route_prefix or "/",
        import_path=IMPORT_PATH,
    )
    config = checked_config({"applications": [entry]})
    return {
        SERVE: yaml_text(contents.name, config, _variables(contents)),
        GRAPH: spec_to_json(spec, indent=1) + "\n",
        "Dockerfile": dockerfile(python, ray, has_wheels=_has_wheels(contents.form)),
        "rayservice.yaml": rayservice(contents.name, ray, config),
        GOLDEN: json.dumps(list(contents.golden), indent=1, ensure_ascii=False) + "\n",
        "tests/test_bundle.py": _test(contents.form),
    }


def _has_wheels(form: Form) -> bool:
    return any(one.startswith(WHEELS) for one in form.files)


def _test(form: Form) -> str:
    start = _template(form.start).rstrip()
    return Template(_template("test_bundle.py.txt")).substitute(where=form.where, start=start)


def _variables(contents: Contents) -> list[str]:
    texts = [contents.module, *(one.text for one in contents.helpers)]
    return sorted({name for text in texts for name in variables_in(text)})


def _readme(contents: Contents, staged: Path, release: str, prefix: str | None) -> str:
    there = paths_of(staged)
    rows = [
        f"| `{path}` | {about} |"
        for path, about in _ABOUT.items()
        if any(one == path or one.startswith(path) for one in there)
    ]
    for one in contents.artifacts:
        size = (staged / FOLDER / one.file).stat().st_size
        rows.append(f"| `{FOLDER}/{one.file}` | `{one.name}`, a {one.kind}: {shown_size(size)} |")
    variables = _variables(contents)
    said = ""
    if variables:
        named = ", ".join(f"`{one}`" for one in variables)
        said = f"## Environment\n\nThe code reads these variables: {named}."
    return (
        Template(_template("README.md"))
        .substitute(
            name=contents.name,
            release=release,
            python=".".join(platform.python_version_tuple()[:2]),
            files="\n".join(rows),
            golden=f"{len(contents.golden)} golden requests." if contents.golden else _NO_GOLDEN,
            more=contents.form.more,
            prefix=f" --route-prefix {prefix}" if prefix not in (None, "/") else "",
            variables=said,
        )
        .rstrip()
        + "\n"
    )


def _template(name: str) -> str:
    return files("graphnb.promote.bundle").joinpath("templates", name).read_text("utf-8")


def shown_size(size: float) -> str:
    """Bytes, for people: "1.4 MB"."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def _refuse_secrets(staged: Path, cell_of: Callable[[str], str]) -> None:
    """Raises ExportError if a file holds what looks like a secret; never says what it holds."""
    finder = SecretFinder()
    paths = [one for one in paths_of(staged) if not one.startswith((f"{DRIVING}/", WHEELS))]
    for path in sorted(paths, key=lambda one: one != MODULE):  # it says first what is none
        data = (staged / path).read_bytes()
        found = finder.find(path, data)
        if found is None and path == GOLDEN:
            found = _in_golden(finder, json.loads(data))
        if found is not None:
            lines = data.decode("utf-8", "replace").splitlines()
            cell = cell_of(lines[found.line - 1]) if path == MODULE else ""
            line = f", line {found.line}," if found.line else ""
            place = cell or f"{path}{line}"
            raise ExportError(
                f"{place} seems to hold a secret: {found.kind}",
                hint="read it where it is used, with os.environ[...]; or, if it is none, end its"
                f" line in the notebook with: # {ALLOWED}",
            )


def _in_golden(finder: SecretFinder, golden: Sequence[Mapping[str, Any]]) -> Secret | None:
    """What requests and answers hold that are no text."""
    bodies = (one[part].get("base64") for one in golden for part in ("request", "answer"))
    found = (finder.find("body", b64decode(one)) for one in bodies if one)
    return next((one for one in found if one is not None), None)
