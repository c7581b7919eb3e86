"""The table of all rows, and the page that keeps it."""

import datetime as dt
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version

from tests.benchmarks.registry import method
from tests.benchmarks.rows import Row

HEADINGS = ("work", "graphnb", "beside it", "ratio", "bar", "met")
PACKAGES = {"graphnb": "graphnb", "Ray": "ray", "uvloop": "uvloop", "IPython": "ipython"}

PAGE = """\
# Measurements

Written by `make bench` (`python -m tests.benchmarks`) on {date}; do not edit.

{table}

Machine: {machine}.

Times are medians of several rounds, each with a median of its own where it has many calls. The
sides take turns, every other round in reverse order, and the ratio is the median of the rounds'
ratios. A ratio says how many times longer the side beside it takes; for the floor, how much of
graphnb's time the bare coroutines take. Ray Serve's local testing mode runs in the same process,
without a Ray cluster. Compare ratios rather than times: other machines have other times.

## How each was measured

{methods}
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


def page(found: Mapping[str, Sequence[Row]], machine: str) -> str:
    """The whole page.

    Args:
        found: the rows of each measurement.
        machine: what `machine()` said before the run, which is a load of its own.
    """
    rows = [row for some in found.values() for row in some]
    return PAGE.format(
        date=dt.datetime.now(tz=dt.UTC).date().isoformat(),
        table=table(rows),
        machine=machine,
        methods="\n\n".join(f"**{name}.** {method(name)}" for name in found),
    )
