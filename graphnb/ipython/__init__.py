"""The notebook side: magics, completion, pictures of nodes, and the sources of cells.

`magics` lists the magics, `arguments` parses their lines, `cells` keeps what was run, `found` says
which graph a cell made, `formatters` shows graphs as pictures, `completion` completes options.
"""

from graphnb.ipython.extension import load, unload

__all__ = ["load", "unload"]
