"""Completes the options of magics, the names of running graphs, and variables that hold graphs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.completer import SimpleCompletion, context_matcher

from graphnb.ipython.arguments import MAGICS, parser_of
from graphnb.ipython.found import is_target
from graphnb.session import running

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_ATTRIBUTE = "_graphnb_matcher"
_VARIABLES = ("%deploy", "%graph")
_RUNNING = ("%graph", "%request", "%%request", "%bench", "%trace", "%logs", "%undeploy")
_VALUES = {"--on": ["local"]}


def completions(line: str, token: str, namespace: dict[str, Any]) -> list[str]:
    """What may stand at the end of a magic's line.

    Args:
        line: the line up to the cursor.
        token: the word that is being typed, perhaps empty.
        namespace: the user's variables.
    """
    words = line.split()
    if not words or words[0] not in MAGICS:
        return []
    magic = words[0]
    before = words[1:-1] if token and words[-1] == token else words[1:]
    found: list[str]
    if before and before[-1] in _VALUES:
        found = _VALUES[before[-1]]
    elif before and before[-1] == "--root":
        found = [name for name, one in namespace.items() if name[:1] != "_" and is_target(one)]
    elif token.startswith("-"):
        found = parser_of(magic).options()
    elif not parser_of(magic).without_options(before):
        found = _names(magic, namespace)
    elif magic == "%trace":
        found = ["last", "slowest", "failed"]
    else:
        found = parser_of(magic).options() if not token else []
    return [one for one in found if one.startswith(token)]


def _names(magic: str, namespace: dict[str, Any]) -> list[str]:
    graphs = [one.name for one in running()] if magic in _RUNNING else []
    if magic == "%logs":
        nodes = [f"{one.name}.{part.name}" for one in running() for part in one.spec.deployments]
        return [*graphs, *nodes]
    held = [name for name, one in namespace.items() if name[:1] != "_" and is_target(one)]
    return [*graphs, *(held if magic in _VARIABLES else [])]


def register_matcher(shell: InteractiveShell) -> None:
    """Adds the matcher to a shell's completer."""

    @context_matcher()
    def graphnb_magics(context: Any) -> Any:
        line = context.full_text.splitlines()[context.cursor_line : context.cursor_line + 1]
        typed = line[0][: context.cursor_position] if line else ""
        token = "" if typed.endswith(" ") else typed.split(" ")[-1]
        found = completions(typed, token, shell.user_ns)
        return {
            "completions": [SimpleCompletion(text=one, type="graphnb") for one in found],
            "matched_fragment": token,
            "suppress": bool(found),
        }

    setattr(shell, _ATTRIBUTE, graphnb_magics)
    shell.Completer.custom_matchers.append(graphnb_magics)


def unregister_matcher(shell: InteractiveShell) -> None:
    """Takes the matcher back."""
    matcher = getattr(shell, _ATTRIBUTE, None)
    if matcher in shell.Completer.custom_matchers:
        shell.Completer.custom_matchers.remove(matcher)
