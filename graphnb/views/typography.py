"""Type in pictures: how wide a text is at most, how it is shortened, and made safe for XML.

A picture is laid out in the kernel and shown by a browser whose fonts are unknown. Widths are
those of DejaVu Sans, the widest font that a system's sans-serif is likely to be, so that a text
fits its box in any of them.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from html import escape

__all__ = ["MONO", "SANS", "clean", "printable", "shorten", "text_width", "xml"]

SANS = "system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"
MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"

# Advance widths of ASCII 32 to 126, in hundredths of the font size.
_REGULAR = (
    *(32, 40, 46, 84, 64, 95, 78, 27, 39, 39, 50, 84, 32, 36, 32, 34, 64, 64, 64, 64),
    *(64, 64, 64, 64, 64, 64, 34, 34, 84, 84, 84, 53, 100, 68, 69, 70, 77, 63, 58, 77),
    *(75, 29, 29, 66, 56, 86, 75, 79, 60, 79, 69, 63, 61, 73, 68, 99, 69, 61, 69, 39),
    *(34, 39, 84, 50, 50, 61, 63, 55, 63, 62, 35, 63, 63, 28, 28, 58, 28, 97, 63, 61),
    *(63, 63, 41, 52, 39, 63, 59, 82, 59, 59, 52, 64, 34, 64, 84),
)
_BOLD = (
    *(35, 46, 52, 84, 70, 100, 87, 31, 46, 46, 52, 84, 38, 42, 38, 37, 70, 70, 70, 70),
    *(70, 70, 70, 70, 70, 70, 40, 40, 84, 84, 84, 58, 100, 77, 76, 73, 83, 68, 68, 82),
    *(84, 37, 37, 77, 64, 100, 84, 85, 73, 85, 77, 72, 68, 81, 77, 110, 77, 72, 73, 46),
    *(37, 46, 84, 50, 50, 67, 72, 59, 72, 68, 44, 72, 71, 34, 34, 67, 34, 104, 71, 69),
    *(72, 72, 49, 60, 48, 71, 65, 92, 65, 65, 58, 71, 37, 71, 84),
)
_MONO_EM = 0.605

# What XML 1.0 forbids, and lone surrogates, which no encoding can carry.
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")

_SPECIAL = re.compile(f"[&<>\"']|{_UNSAFE.pattern}")


def clean(text: str) -> str:
    """The text on one line, without characters that a picture cannot hold."""
    return " ".join(printable(text).split())


def printable(text: str) -> str:
    """The text with a sign in place of each character that a picture cannot hold."""
    return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text)


def xml(text: str) -> str:
    """The text for an XML or HTML document, in an attribute too."""
    if _SPECIAL.search(text) is None:  # as nearly all are
        return text
    return escape(printable(text))


@lru_cache(4096)
def text_width(text: str, size: float, *, bold: bool = False, mono: bool = False) -> float:
    """The most that a text takes, in pixels.

    Args:
        text: one line.
        size: the font size in pixels.
        bold: whether it is set in bold.
        mono: whether it is set in a monospaced font.
    """
    return size * sum(_advance(one, bold=bold, mono=mono) for one in text)


def shorten(text: str, width: float, size: float, *, bold: bool = False, mono: bool = False) -> str:
    """The text, or as much of its beginning as fits, and an ellipsis."""
    if text_width(text, size, bold=bold, mono=mono) <= width:
        return text
    room = width / size - _advance("…", bold=bold, mono=mono)
    kept = 0
    for one in text:
        room -= _advance(one, bold=bold, mono=mono)
        if room < 0:
            break
        kept += 1
    return text[:kept].rstrip() + "…"


def _advance(one: str, *, bold: bool, mono: bool) -> float:
    """The width of one character, in multiples of the font size."""
    code = ord(one)
    if 32 <= code < 127:
        return _MONO_EM if mono else (_BOLD if bold else _REGULAR)[code - 32] / 100
    if unicodedata.combining(one) or unicodedata.category(one) == "Cf":
        return 0.0
    if unicodedata.east_asian_width(one) in "WF":
        return 1.3 if code >= 0x1F000 else 1.02  # emoji are wider than ideographs
    if one in "·…×":
        return _MONO_EM if mono else {"·": 0.38, "…": 1.0, "×": 0.84}[one]
    return 0.9 if bold else 0.8
