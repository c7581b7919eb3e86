"""What the documentation says stands beside what the code has."""

from __future__ import annotations

from pathlib import Path

import pytest

import graphnb
from graphnb.executors.local.starter import LEFT_OUT
from graphnb.graph.rules import RULES
from graphnb.ipython.arguments import MAGICS
from graphnb.session import http_settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
GRAPHS = (ROOT / "docs" / "graphs.md").read_text()
RUNNING = (ROOT / "docs" / "running.md").read_text()
RAY = (ROOT / "docs" / "ray.md").read_text()
ALL = README + GRAPHS + RUNNING + RAY


def test_the_table_of_rules_is_that_of_the_code() -> None:
    """docs/graphs.md lists every rule with its title and its fix."""
    rows = [line for line in GRAPHS.splitlines() if line.startswith("| GN")]
    assert len(rows) == len(RULES)
    for rule, row in zip(RULES, rows, strict=True):
        warning = " (a warning)" if rule.severity == "warning" else ""
        assert row == f"| {rule.code} | {rule.title}{warning} | {rule.fix} |"


@pytest.mark.parametrize("magic", MAGICS)
def test_every_magic_is_in_the_readme(magic: str) -> None:
    """The README's table has every magic."""
    assert f"`{magic}" in README


@pytest.mark.parametrize("name", [one for one in graphnb.__all__ if one != "__version__"])
def test_every_public_name_is_documented(name: str) -> None:
    """README and docs speak of every public name of the package."""
    assert name in ALL


@pytest.mark.parametrize(
    "name", [http_settings.PORT, http_settings.TOKEN, http_settings.MAX_BODY, "GRAPHNB_ON"]
)
def test_every_setting_is_documented(name: str) -> None:
    """docs/running.md has every environment variable."""
    assert f"`{name}`" in RUNNING


@pytest.mark.parametrize("option", LEFT_OUT)
def test_what_this_process_leaves_out_is_documented(option: str) -> None:
    """docs/running.md has every option that has no effect in this process."""
    family = option.startswith("placement_group_") and "`placement_group_*`" in RUNNING
    assert family or option in RUNNING
