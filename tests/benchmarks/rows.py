"""What a measurement finds: rows of the table, and whether their bars are met."""

from dataclasses import dataclass

NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure has to reach.

    Attributes:
        text: the bar, as the table shows it.
        missed: by how much it is missed, or "".
    """

    text: str
    missed: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        work: what was done.
        graphnb: what it took with graphnb.
        beside: what it took with what stands beside it.
        ratio: how the two compare.
        bars: what had to be reached; empty where a figure is for orientation only.
    """

    work: str
    graphnb: str
    beside: str = NOTHING
    ratio: str = NOTHING
    bars: tuple[Bar, ...] = ()

    @property
    def missed(self) -> tuple[Bar, ...]:
        """The bars that are missed."""
        return tuple(one for one in self.bars if one.missed)

    @property
    def met(self) -> str:
        """The last column: "yes", or by how much each bar is missed."""
        if not self.bars:
            return NOTHING
        return "; ".join(one.missed for one in self.missed) or "yes"


def at_most(seconds: float, limit: float) -> Bar:
    """A time that has a limit."""
    missed = f"missed by {duration(seconds - limit)}" if seconds > limit else ""
    return Bar(f"≤ {duration(limit)}", missed)


def times_faster(ratio: float, limit: float) -> Bar:
    """A ratio that has to be reached."""
    missed = f"missed by {limit - ratio:.1f}×" if ratio < limit else ""
    return Bar(f"≥ {limit:g}×", missed)


def at_most_times(ratio: float, limit: float) -> Bar:
    """A ratio of times that has a limit."""
    missed = f"missed by {ratio - limit:.2f}×" if ratio > limit else ""
    return Bar(f"≤ {limit:g}×", missed)


def at_least_times(ratio: float, limit: float) -> Bar:
    """A ratio of rates that has to be reached."""
    missed = f"missed by {limit - ratio:.2f}×" if ratio < limit else ""
    return Bar(f"≥ {limit:g}×", missed)


def all_of(right: int, total: int) -> Bar:
    """A count that has to be complete."""
    missed = f"missed by {total - right:,}" if right < total else ""
    return Bar(f"{total:,} right", missed)


def growth_below(megabytes: float, limit: float) -> Bar:
    """Memory that may not grow by more than noise."""
    missed = f"missed by {megabytes - limit:.1f} MB" if megabytes >= limit else ""
    return Bar(f"growth < {limit:g} MB", missed)


def duration(seconds: float) -> str:
    """A time with three digits or so that mean something: "0.123 ms", "452.1 ms", "2.31 s"."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    digits = 3 if seconds < 0.01 else 1
    return f"{seconds * 1000:.{digits}f} ms"


def factor(ratio: float) -> str:
    """A ratio of two times: "14.2×"."""
    return f"{ratio:.1f}×" if ratio >= 1.95 else f"{ratio:.2f}×"
