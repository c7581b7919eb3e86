"""What the documentation says stands beside what the code has."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import nbformat
import pytest

import graphnb
from graphnb.executors.local.starter import LEFT_OUT
from graphnb.graph.rules import RULES
from graphnb.ipython.arguments import MAGICS
from graphnb.promote.release.target import Target
from graphnb.session import http_settings
from graphnb.telemetry import compare

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
GRAPHS = (ROOT / "docs" / "graphs.md").read_text()
RUNNING = (ROOT / "docs" / "running.md").read_text()
RAY = (ROOT / "docs" / "ray.md").read_text()
PROMOTE = (ROOT / "docs" / "promote.md").read_text()
LIVE = (ROOT / "docs" / "live.md").read_text()
ALL = README + GRAPHS + RUNNING + RAY + LIVE + PROMOTE
BUTTON = re.compile(r'button\(\s*"([A-Z][^"]+)"')


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


@pytest.mark.parametrize("setting", [one.name for one in fields(Target) if one.name != "name"])
def test_every_setting_of_a_target_is_documented(setting: str) -> None:
    """docs/promote.md has them in a table."""
    rows = [line.split("|")[1] for line in PROMOTE.splitlines() if line.startswith("| `")]
    assert any(f"`{setting}`" in one for one in rows)


@pytest.mark.parametrize("option", LEFT_OUT)
def test_what_this_process_leaves_out_is_documented(option: str) -> None:
    """docs/running.md has every option that has no effect in this process."""
    family = option.startswith("placement_group_") and "`placement_group_*`" in RUNNING
    assert family or option in RUNNING


@pytest.mark.parametrize(
    "label", BUTTON.findall((ROOT / "widget" / "src" / "toolbar.ts").read_text())
)
def test_every_button_of_the_live_picture_is_documented(label: str) -> None:
    """docs/live.md says what each one does."""
    assert f"*{label}*" in LIVE


def test_when_something_is_called_faster_is_documented() -> None:
    """docs/live.md has the numbers of the code."""
    assert f"{compare.FEW} samples or more" in LIVE
    assert f"a difference of {compare.NOISE:.0%}".replace("%", " %") in LIVE


@pytest.mark.parametrize(
    "page", [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")], ids=lambda p: p.name
)
def test_links_lead_somewhere(page: Path) -> None:
    """Pages, pictures and notebooks that a page speaks of are there."""
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    inside = [one for one in targets if "://" not in one]
    assert [one for one in inside if not (page.parent / one).exists()] == []


@pytest.mark.parametrize("path", sorted(ROOT.glob("notebooks/*.ipynb")), ids=lambda p: p.stem)
def test_saved_notebooks_have_pictures_and_no_widgets(path: Path) -> None:
    """Without its kernel a widget is an error message, and its id another one each time."""
    notebook = nbformat.read(path, as_version=4)
    shown = [out.get("data", {}) for cell in notebook.cells for out in cell.get("outputs", [])]
    assert not [one for one in shown if "application/vnd.jupyter.widget-view+json" in one]
    assert "widgets" not in notebook.metadata
