"""The verbs that bring graphs elsewhere."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from graphnb.cli.telling import done, show_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from graphnb.promote.bundle import Bundle
    from graphnb.promote.release.target import Target

__all__ = ["promotion_verbs"]

_CHANGES = 2  # the exit code of a dry run that found something to do
_FOLDER = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)


def _source_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--venv", is_flag=True, help="Prove it with its requirements installed."),
        click.option("--root", help="The expression of the graph; the deployed one."),
        click.option("--name", help="The graph's name: needed where a notebook deploys several."),
    ):
        function = option(function)
    return function


_to = click.option("--to", required=True, metavar="TARGET", help="A target, or an address.")


@click.command()
@click.argument("source")
@click.argument("folder", metavar="DIR", type=_FOLDER)
@click.option("--plain", is_flag=True, help="As plain Ray Serve code, that needs no graphnb.")
@_source_options
def export(source: str, folder: Path, **options: Any) -> None:
    """Writes all that it takes to run a graph elsewhere, and proves it in a clean process.

    SOURCE is a notebook's file, or MODULE:VARIABLE. Its code runs in a process of its own. A
    notebook's file does not hold what was computed: models are trained anew wherever the graph
    runs. %export, in the notebook, takes them along.

    graphnb export notebook.ipynb build/bundle

    graphnb export package.module:best build/bundle
    """
    from graphnb.ipython.exporting import export_source

    click.echo(done(lambda: export_source(source, folder, progress=show_progress, **options)))


@click.command()
@click.argument("source")
@_to
@click.option("--dry-run", is_flag=True, help="Show what would change; exit code 2 if anything.")
@click.option("--save-plan", type=_FILE, help="With --dry-run: keep the plan, for `graphnb apply`.")
@_source_options
@click.pass_context
def promote(
    context: click.Context,
    /,
    source: str,
    to: str,
    *,
    dry_run: bool,
    save_plan: Path | None,
    **options: Any,
) -> None:
    """Brings a graph to another Ray cluster.

    SOURCE is a bundle that was exported, a notebook's file, or MODULE:VARIABLE. What has not
    changed there stays as it is; what does not run is taken back.

    graphnb promote build/bundle --to production --dry-run

    graphnb promote notebook.ipynb --to https://ray.example.com
    """
    from graphnb.promote.promotion import apply_plan, plan_promotion
    from graphnb.promote.release.plan import plan_to_json

    target = done(lambda: _target(to))
    name = options["name"]
    with _bundle(source, **options) as bundle:
        plan = done(
            lambda: plan_promotion(bundle, target, name=name or bundle.name, progress=show_progress)
        )
        if save_plan is not None:
            save_plan.write_text(plan_to_json(plan), encoding="utf-8")
        if dry_run or save_plan is not None:
            click.echo(plan)
            context.exit(_CHANGES if plan else 0)
        click.echo(done(lambda: apply_plan(plan, bundle, target, progress=show_progress)))


@click.command()
@click.argument("plan", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("bundle", type=_FOLDER)
@_to
def apply(plan: Path, bundle: Path, to: str) -> None:
    """Does exactly what a saved plan says; refuses if the cluster has moved on since."""
    from graphnb.promote.bundle import read_bundle
    from graphnb.promote.promotion import apply_plan
    from graphnb.promote.release.plan import plan_from_json

    text = plan.read_text("utf-8")
    click.echo(
        done(
            lambda: apply_plan(
                plan_from_json(text), read_bundle(bundle), _target(to), progress=show_progress
            )
        )
    )


@click.command()
@click.argument("source", required=False)
@_to
@_source_options
@click.pass_context
def status(context: click.Context, /, source: str | None, to: str, **options: Any) -> None:
    """Says what runs on a cluster, and whether it is what a notebook holds.

    SOURCE is a bundle, a notebook's file, or MODULE:VARIABLE: exit code 2 if what runs there is
    something else. Without it, all applications are listed.
    """
    from graphnb.promote.promotion import plan_promotion, standings

    target = done(lambda: _target(to))
    for one in done(lambda: standings(target)):
        click.echo(one)
    if source is None:
        return
    with _bundle(source, **options) as bundle:
        name = options["name"] or bundle.name
        plan = done(lambda: plan_promotion(bundle, target, name=name, progress=show_progress))
        click.echo(plan or f"{name} there is what {source} holds")
        context.exit(_CHANGES if plan else 0)


@click.command()
@click.argument("name")
@_to
def releases(name: str, to: str) -> None:
    """Lists what was released of an application, the newest last."""
    from graphnb.promote.promotion import releases as releases_of

    found = done(lambda: releases_of(_target(to), name))
    for one in found:
        click.echo(f"{one.id}  {one.at}{'  runs' if one is found[-1] else ''}")


@click.command()
@click.argument("name")
@_to
@click.option("--release", metavar="ID", help="Which one; the one before that which runs.")
def rollback(name: str, to: str, release: str | None) -> None:
    """Has an earlier release of an application run again."""
    from graphnb.promote.promotion import rollback as roll_back

    click.echo(done(lambda: roll_back(_target(to), name, to=release, progress=show_progress)))


@contextmanager
def _bundle(source: str, **options: Any) -> Iterator[Bundle]:
    """The bundle in a folder, or one that is made of a notebook or a module."""
    from graphnb.promote.bundle import read_bundle

    if Path(source).is_dir():
        yield done(lambda: read_bundle(Path(source).absolute()))
        return
    from graphnb.ipython.exporting import export_source

    with tempfile.TemporaryDirectory(prefix="graphnb-promote-") as folder:
        made = done(
            lambda: export_source(
                source, Path(folder) / "bundle", progress=show_progress, **options
            )
        )
        for one in made.warnings:
            click.echo(one, err=True)
        yield made.bundle


def _target(to: str) -> Target:
    from graphnb.promote.release.target import read_target

    return read_target(to, Path.cwd())


promotion_verbs = (export, promote, apply, status, releases, rollback)
