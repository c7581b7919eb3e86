"""Numbers as people read them: milliseconds, percentages, counts.

Each form has a longest text, so that a picture can reserve its width: "1234.5 ms", "100 %",
"99.9k×", "9999 errors".
"""

from __future__ import annotations

__all__ = ["amount", "count", "errors", "milliseconds", "percent", "rate"]


def milliseconds(seconds: float) -> str:
    """A duration: three digits or more of milliseconds, and seconds from ten on."""
    ms = seconds * 1000
    if ms >= 999_950:
        return f"{seconds:.0f} s"
    if ms >= 9_999.95:
        return f"{seconds:.1f} s"
    return f"{ms:.1f} ms" if ms >= 9.995 else f"{ms:.2f} ms"


def percent(share: float) -> str:
    """A share from 0 to 1; what is more than nothing is never shown as 0."""
    if 0 < share < 0.005:
        return "<1 %"
    return f"{share * 100:.0f} %"


def amount(number: int) -> str:
    """A number in at most five characters: 999, 1234, 12.3k, 123k, 1.2M."""
    for limit, divisor, unit in ((9_999, 1, ""), (999_949, 1_000, "k"), (10**12, 10**6, "M")):
        if number <= limit:
            value = number / divisor
            return f"{value:.0f}{unit}" if divisor == 1 or value >= 99.95 else f"{value:.1f}{unit}"
    return ">1T"


def count(number: int) -> str:
    """How often something happened: 12×."""
    return f"{amount(number)}×"


def rate(per_second: float) -> str:
    """How often something happens: 0.3/s, 12/s, 1.2k/s; "" for never."""
    if per_second <= 0:
        return ""
    if per_second < 0.095:
        return "<0.1/s"
    return f"{per_second:.1f}/s" if per_second < 9.95 else f"{amount(round(per_second))}/s"


def errors(number: int) -> str:
    """How often something failed: 1 error, 12 errors."""
    return f"{amount(number)} error{'' if number == 1 else 's'}"
