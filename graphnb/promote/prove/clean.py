"""What runs in the clean process: `python -I -m graphnb.promote.prove.clean BUNDLE [OPTIONS]`.

`--open` leaves out the fence around imports, `--graph` ends when the graph is known, `--driver`
ends with it as plain code; `--plain` is for a bundle of plain code.

Tells what it finds as lines of JSON on its standard output; whatever the bundle itself prints goes
to the standard error.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphnb.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["main"]

_MOST_LINES = 40


def main(folder: Path, options: Sequence[str]) -> None:
    """Imports the bundle, runs its graph, and sends its golden requests."""
    told = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)

    def tell(stage: str, **what: Any) -> None:
        told.write(json.dumps({"stage": stage, **what}) + "\n")

    os.chdir(folder)
    fence = None
    if "--open" not in options:
        from graphnb.promote.prove.fence import put_up

        fence = put_up((folder / "requirements.txt").read_text("utf-8"), str(folder))
    sys.path.insert(0, str(folder))
    try:
        if "--plain" in options:
            graph = _plain(tell)
        else:
            root, graph = _imported(folder, tell)
        if "--driver" in options:
            from graphnb.promote.plain.alone import described

            tell("described", **described(folder, root, options[-1]))
        elif "--graph" not in options:
            _replay(folder, graph, tell)
    except ExportError as error:
        tell("refused", message=error.message, hint=error.hint)
    except (Exception, SystemExit) as error:  # noqa: BLE001  told to whoever asked
        refused = sorted(fence.refused) if fence is not None else []
        said = f"{type(error).__name__}: {error}"
        tell("failed", error=said, lines=_lines(error, folder), refused=refused)
    told.close()


def _plain(tell: Callable[..., None]) -> Any:
    """The graph of a bundle of plain code."""
    from graphnb.graph.schema import spec_to_json
    from graphnb.promote.plain.alone import plain_graph

    tell("importing")
    graph = plain_graph()
    tell("built", spec=spec_to_json(graph.spec))
    return graph


def _imported(folder: Path, tell: Callable[..., None]) -> tuple[Any, Any]:
    """The root of the bundle's graph, and the graph."""
    from graphnb.authoring import build
    from graphnb.authoring.digest import code_digest
    from graphnb.graph.schema import spec_to_json
    from graphnb.promote.bundle.bundle import IMPORT_PATH, stand_ins_of
    from graphnb.promote.prove.options import check_user_configs
    from graphnb.promote.prove.variables import digests_of
    from graphnb.rayserve.imported import imported_root

    tell("importing")
    root = imported_root(IMPORT_PATH)
    stand_ins = stand_ins_of(folder, vars(sys.modules["app"]))
    graph = build(root, digest=partial(code_digest, stand_ins=stand_ins))
    check_user_configs(graph)
    tell("built", spec=spec_to_json(graph.spec), values=digests_of(vars(sys.modules["app"])))
    return root, graph


def _replay(folder: Path, graph: Any, tell: Callable[..., None]) -> None:
    import httpx

    from graphnb.executors import HttpOptions, executor_for
    from graphnb.promote.bundle.bundle import GOLDEN
    from graphnb.promote.golden import Golden, mismatches

    said = json.loads((folder / GOLDEN).read_text("utf-8"))
    golden = [Golden.from_json(one) for one in said]
    application = executor_for("local").application("proof")
    try:
        tell("starting")
        application.apply(graph, http=HttpOptions(), route_prefix="/")
        if golden:
            tell("started")
        with httpx.Client(trust_env=False, timeout=60) as client:
            found = [str(one) for one in mismatches(client, str(application.url), golden)]
        tell("answered", count=len(golden), mismatches=found)
    finally:
        application.close()


def _lines(error: BaseException, folder: Path) -> list[str]:
    """The traceback, from the bundle's own code on."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [one for one in frames if one.filename.startswith(str(folder))]
    lines = traceback.format_list(own or frames[-1:])
    return [line.replace(str(folder) + os.sep, "") for line in lines][-_MOST_LINES:]


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2:])
