"""Numbers as people read them, never wider than what a picture reserves."""

from __future__ import annotations

import pytest

from graphnb.views import units
from graphnb.views.typography import clean, shorten, text_width


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0, "0.00 ms"),
        (0.0001234, "0.12 ms"),
        (0.0099949, "9.99 ms"),
        (0.0099951, "10.0 ms"),
        (1.2345, "1234.5 ms"),
        (9.99994, "9999.9 ms"),
        (9.99996, "10.0 s"),
        (123.4, "123.4 s"),
        (4321.0, "4321 s"),
    ],
)
def test_durations(seconds, expected):
    """Durations have three digits or more."""
    assert units.milliseconds(seconds) == expected


@pytest.mark.parametrize(
    ("share", "expected"), [(0, "0 %"), (0.001, "<1 %"), (0.624, "62 %"), (1, "100 %")]
)
def test_shares(share, expected):
    """A share that is not nothing is never shown as nothing."""
    assert units.percent(share) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "0"),
        (9999, "9999"),
        (10000, "10.0k"),
        (99949, "99.9k"),
        (123456, "123k"),
        (999949, "1000k"),
        (1234567, "1.2M"),
        (10**9, "1000M"),
        (10**13, ">1T"),
    ],
)
def test_counts(number, expected):
    """Counts have five characters at most."""
    assert units.amount(number) == expected
    assert len(units.amount(number)) <= 5


def test_errors_are_words():
    """One error, two errors."""
    assert (units.errors(1), units.errors(2)) == ("1 error", "2 errors")


@pytest.mark.parametrize(
    "text", ["short", "W" * 200, "日本語" * 60, "😀" * 100, "e\u0301" * 100, ""]
)
def test_a_shortened_text_fits(text):
    """A shortened text is no wider than asked, and ends with an ellipsis if it lost anything."""
    found = shorten(text, 120, 13, bold=True)
    assert text_width(found, 13, bold=True) <= 120
    assert found == text or found.endswith("…")


def test_clean_text_is_one_printable_line():
    """Control characters and lone surrogates cannot reach a picture."""
    assert clean("a\n b\t\x00\x1b[31m\ud800") == "a b \ufffd\ufffd[31m\ufffd"
