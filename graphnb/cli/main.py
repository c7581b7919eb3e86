"""The command line: `graphnb VERB`."""

from __future__ import annotations

from contextlib import contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import click

from graphnb.cli.promotion import promotion_verbs
from graphnb.cli.telling import done, show_progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graphnb.rayserve.cluster import Record

_PORT = click.IntRange(1024, 65535)
_NOTHING_RUNS = 1  # the exit code of `graphnb ray status`


class _Verbs(click.Group):
    """Verbs of which every error ends with 1: 2 says that there is something to do."""

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        with _ending_with_one():
            return super().make_context(*args, **options)

    def invoke(self, ctx: click.Context) -> Any:
        with _ending_with_one():
            return super().invoke(ctx)


@contextmanager
def _ending_with_one() -> Iterator[None]:
    try:
        yield
    except click.UsageError as error:
        error.exit_code = 1  # type: ignore[misc]  # on the instance alone
        raise


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="graphnb")
def main() -> None:
    """Multi-model inference graphs in notebooks."""


@main.command("nbval-config")
@click.option("--path", is_flag=True, help="Print where the file is, not what it holds.")
def nbval_config(*, path: bool) -> None:
    """The sanitizer with which `pytest --nbval` compares notebooks that use graphnb.

    pytest --nbval --nbval-sanitize-with "$(graphnb nbval-config --path)" notebooks/
    """
    file = files("graphnb.ipython").joinpath("nbval.cfg")
    click.echo(str(file) if path else file.read_text(), nl=path)


@main.group("ray")
def ray_group() -> None:
    """A Ray on this machine that outlives notebooks.

    Without it, a Ray starts with the first graph that needs one, and ends with the notebook's
    kernel. With it, kernels come and go, and find the graphs that run.
    """


@ray_group.command("start")
@click.option("--cpus", type=click.IntRange(min=1), help="Logical CPUs: 64, or the machine's.")
@click.option("--port", type=_PORT, help="Ray's own port: any that is free.")
@click.option("--http-port", type=_PORT, help="Ray Serve's: 8000 if free, when first needed.")
@click.option("--dashboard-port", type=_PORT, help="Ray's dashboard: none unless it has a port.")
@click.option("--resources", metavar="JSON", help='Custom resources: {"accelerator": 2}.')
def ray_start(resources: str | None, **settings: int | None) -> None:
    """Starts it, for this user alone."""
    from graphnb.rayserve.cluster import RaySettings, resources_of, start_outliving

    asked = RaySettings(**settings, resources=done(lambda: resources_of(resources)))
    record, is_new = done(lambda: start_outliving(asked, show_progress))
    if not is_new:
        click.echo(f"Ray {record.version} runs already, at {record.address}.")
        if asked != RaySettings():
            click.echo("It keeps its settings: `graphnb ray stop` first, to start it with others.")
        return
    click.echo(f"Ray {record.version} runs at {record.address}.\n")
    click.echo(_how_to_use(record))


@ray_group.command("stop")
def ray_stop() -> None:
    """Ends it, and all that runs on it; no other Ray."""
    from graphnb.rayserve.cluster import stop_outliving

    show_progress("stopping Ray")
    record = done(stop_outliving)
    if record is None:
        click.echo("No Ray of `graphnb ray start` runs on this machine.")
    else:
        click.echo(f"The Ray at {record.address} has ended.")


@ray_group.command("status")
@click.pass_context
def ray_status(context: click.Context) -> None:
    """Says where it runs; exit code 1 if it does not."""
    from graphnb.rayserve.cluster import running

    record = done(running)
    if record is None:
        click.echo("No Ray of `graphnb ray start` runs on this machine.")
        context.exit(_NOTHING_RUNS)
    click.echo(f"Ray {record.version} (Python {record.python}) runs at {record.address}.\n")
    click.echo(_how_to_use(record))


def _how_to_use(record: Record) -> str:
    lines = [
        ("logical CPUs", str(record.cpus)),
        ("dashboard", record.dashboard_url or "none (--dashboard-port gives one)"),
        (
            "graphs over HTTP",
            f"port {record.http_port}" if record.http_port else "8000 or a free port",
        ),
        ("notebooks on this machine", 'find it: graphnb.deploy(..., on="ray")'),
        ("other programs on it", " ".join(f"{name}={value}" for name, value in record.environment)),
        ("to end it", "graphnb ray stop"),
    ]
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"  {name:<{width}}  {value}" for name, value in lines)


for _verb in promotion_verbs:
    main.add_command(_verb)
