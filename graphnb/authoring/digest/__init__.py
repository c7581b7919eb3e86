"""Code digests: whether a live deployment still runs the code that the notebook holds.

A digest is a hash of everything that a definition reaches, walked in a fixed order: its own code,
the globals, closures, defaults and annotations that it uses, the local modules it imports, and its
init args. An equal digest keeps the live instance, another one replaces it. So the digest errs on
one side only: what cannot be hashed is "changed".

    >>> def double(x):
    ...     return 2 * x
    >>> code_digest(double) == code_digest(double)
    True

What counts:

- code, as its syntax tree if the source is at hand, else as its bytecode;
- globals by the names that the code uses, and what those reach in turn; data by its content;
- modules that are not installed, by their source, their imports and the attributes the code names;
- installed modules, and what is defined in them, by name and version;
- what a deployment wraps, when a deployment is met among the globals.

What does not: cells, files, lines, comments, formatting, decorators as text (they count by what
they made), names found only at run time (`getattr`, `globals()["x"]`, `import_module(name)`; these
do not travel to a replica either, for the same reason).

The parts: `stream` hashes and ends cycles, `walk` finds the part that knows a type, `definitions`
knows functions and classes, `bodies` and `source` their code, `modules` modules, `values` data.
"""

from __future__ import annotations

from graphnb.authoring.digest.values import Placeholder
from graphnb.authoring.digest.walk import code_digest

__all__ = ["Placeholder", "code_digest"]
