"""The table of all rows, and the page that keeps it."""

import datetime as dt
import os
import platform
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version

from tests.benchmarks.registry import MEASUREMENTS, method
from tests.benchmarks.rows import Row

HEADINGS = ("work", "graphnb", "beside it", "ratio", "bar", "met")
PACKAGES = {"graphnb": "graphnb", "Ray": "ray", "uvloop": "uvloop", "IPython": "ipython"}

PAGE = """\
# Measurements

Written by `make bench`, or in part by `python -m tests.benchmarks --only NAME`; do not edit. Each
measurement is one run: all its sides at the same time on one machine.

Times are medians of several rounds, each with a median of its own where it has many calls. The
sides take turns, every other round in reverse order, and the ratio is the median of the rounds'
ratios. A ratio says how many times longer the side beside it takes; for the floor, how much of
graphnb's time the bare coroutines take; on Ray, how many times longer graphnb takes. Ray Serve's
local testing mode runs in the same process, without a Ray cluster. Compare ratios rather than
times: other machines have other times.
"""

SECTION = """\
## {name}

{method}

{table}

Measured on {date}: {machine}.
"""


def table(rows: Sequence[Row]) -> str:
    """All rows as a Markdown table whose columns are aligned."""
    lines = [HEADINGS, *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join("| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in lines)


def _cells(row: Row) -> tuple[str, ...]:
    bars = "; ".join(one.text for one in row.bars) or "–"
    return row.work, row.graphnb, row.beside, row.ratio, bars, row.met


def machine() -> str:
    """The kind of machine, in words."""
    found = [f"{os.cpu_count()} cores", platform.system(), platform.machine()]
    found.append(f"{platform.python_implementation()} {platform.python_version()}")
    found += [f"{name} {version(package)}" for name, package in PACKAGES.items()]
    load = os.getloadavg()[0]
    return ", ".join(found) + f"; load when the run began: {load:.1f}"


def page(before: str, found: Mapping[str, Sequence[Row]], machine: str) -> str:
    """The whole page.

    Args:
        before: the page as it was; its sections stay where nothing new was found.
        found: the rows of each measurement that was made.
        machine: what `machine()` said before the run, which is a load of its own.
    """
    sections = {
        one.partition("\n")[0]: one for one in re.split(r"^## ", before, flags=re.MULTILINE)[1:]
    }
    for name, rows in found.items():
        sections[name] = SECTION.removeprefix("## ").format(
            name=name,
            method=method(name),
            table=table(rows),
            date=dt.datetime.now(tz=dt.UTC).date().isoformat(),
            machine=machine,
        )
    known = [sections[name].strip() for name in MEASUREMENTS if name in sections]
    return "\n".join([PAGE, *(f"## {one}\n" for one in known)])
