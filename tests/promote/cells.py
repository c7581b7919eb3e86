"""Cells that are told apart by `# %%`, as if they had run one after the other."""

from IPython.core.inputtransformer2 import TransformerManager

from graphnb.ipython.cells import Cell


def cells(text, *, ids=None):
    """The cells in a text, each as it ran.

    Args:
        text: with `# %%` between cells.
        ids: the cells' ids; the same twice is a cell that ran again.
    """
    parts = [one.strip("\n") + "\n" for one in text.split("# %%\n")]
    found = []
    for number, raw in enumerate((one for one in parts if one.strip()), 1):
        name = ids[number - 1] if ids else f"id-{number}"
        found.append(Cell(name, number, raw, TransformerManager().transform_cell(raw)))
    return found
