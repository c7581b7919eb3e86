"""The command line: `graphnb VERB`."""

from __future__ import annotations

from importlib.resources import files

import click


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="graphnb")
def main() -> None:
    """Multi-model inference graphs in notebooks."""


@main.command("nbval-config")
@click.option("--path", is_flag=True, help="Print where the file is, not what it holds.")
def nbval_config(*, path: bool) -> None:
    r"""The sanitizer with which `pytest --nbval` compares notebooks that use graphnb.

    \b
    pytest --nbval --nbval-sanitize-with "$(graphnb nbval-config --path)" notebooks/
    """
    file = files("graphnb.ipython").joinpath("nbval.cfg")
    click.echo(str(file) if path else file.read_text(), nl=path)
