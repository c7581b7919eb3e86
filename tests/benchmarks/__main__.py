"""The command line: runs measurements one after the other and prints what they found.

The exit code is 0 also when a bar is missed, and 1 when a measurement could not be made.
"""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from tests.benchmarks.registry import MEASUREMENTS, measure
from tests.benchmarks.report import machine, page, table
from tests.benchmarks.rows import Row
from tests.benchmarks.timing import clock

PAGE = Path(__file__).parents[2] / "docs" / "measurements.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what the command line asks for; returns the exit code."""
    asked = _parse(arguments).only
    names = [one for one in MEASUREMENTS if not asked or one in asked]
    began, kind = clock(), machine()
    found = {name: rows for name in names if (rows := _in_own_process(name)) is not None}
    rows = [row for some in found.values() for row in some]
    print(f"\n{table(rows)}\n\n{kind}; {clock() - began:.0f} s in all")
    _print_missed(rows)
    before = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    PAGE.write_text(page(before, found, kind), encoding="utf-8")
    print(f"written: {PAGE.relative_to(PAGE.parents[1])}")
    return 0 if len(found) == len(names) else 1


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "--only",
        metavar="NAME",
        choices=MEASUREMENTS,
        action="append",
        help=f"run this one; may be repeated; one of: {', '.join(MEASUREMENTS)}",
    )
    return parser.parse_args(arguments)


def _in_own_process(name: str) -> Sequence[Row] | None:
    """The rows of a measurement, made in a fresh process; None when it could not be made."""
    print(f"{name} ...", end=" ", flush=True)
    began = clock()
    try:
        with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
            rows = pool.submit(measure, name).result()
    except Exception as error:
        print(f"failed\n{error.__cause__ or repr(error)}")  # the cause: the traceback over there
        return None
    print(f"{clock() - began:.0f} s", flush=True)
    return rows


def _print_missed(rows: Sequence[Row]) -> None:
    missed = [(row, bar) for row in rows for bar in row.missed]
    for row, bar in missed:
        print(f"{row.work}: {bar.text} {bar.missed}")
    if rows and not missed:
        print("every bar is met")


if __name__ == "__main__":
    sys.exit(main())
