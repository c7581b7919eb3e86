"""What `%load_ext graphnb` and `%unload_ext graphnb` do."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from graphnb.errors import name_cells
from graphnb.ipython.cells import CellRecorder
from graphnb.ipython.completion import register_matcher, unregister_matcher
from graphnb.ipython.deploy_cell import install, uninstall
from graphnb.ipython.formatters import register_formatters, unregister_formatters
from graphnb.ipython.magics import GraphMagics
from graphnb.session.registry import deploy_within
from graphnb.views import warm_up

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_loaded: WeakKeyDictionary[Any, tuple[CellRecorder, GraphMagics]] = WeakKeyDictionary()


def load(shell: InteractiveShell) -> None:
    """Registers magics, pictures and completion; loading twice is loading once."""
    if shell in _loaded:
        return
    recorder = CellRecorder(shell)
    recorder.start()
    deploy_within(recorder)
    name_cells(partial(_cell_name, shell))
    magics = GraphMagics(shell)
    shell.register_magics(magics)
    install(shell, magics.deploy_made)
    register_formatters(shell)
    register_matcher(shell)
    warm_up()  # the first picture is not far
    _loaded[shell] = (recorder, magics)


def unload(shell: InteractiveShell) -> None:
    """Takes all of it back; graphs that run go on."""
    found = _loaded.pop(shell, None)
    if found is None:
        return
    recorder, magics = found
    recorder.stop()
    deploy_within(None)
    name_cells(None)
    unregister_formatters(shell)
    unregister_matcher(shell)
    uninstall(shell)
    for kind, names in magics.magics.items():
        for name in names:
            shell.magics_manager.magics[kind].pop(name, None)


def _cell_name(shell: InteractiveShell, file: str) -> str | None:
    """What IPython itself calls the file of a cell: "Cell In[4]"; None for other files."""
    named = shell.compile.format_code_name(file)
    return None if named is None else " ".join(named)
