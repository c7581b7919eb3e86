"""Promotes a running graph as its live pictures ask: one promotion at a time, in a thread.

The thread makes the plan, waits until somebody has it done or wants another, and rolls it out from
the very bundle that was proved. The bundle's folder is the thread's, and goes with it.
"""

from __future__ import annotations

import atexit
import logging
import re
import threading
import weakref
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from graphnb.errors import GraphnbError, PromoteError
from graphnb.promote.release.target import read_target, targets
from graphnb.session.live.promotion import Promotion
from graphnb.session.promoting import prepare, promotion_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from graphnb.promote.notebook import Notebook
    from graphnb.promote.release.target import Target
    from graphnb.session.promoting import Prepared
    from graphnb.session.running_graph import RunningGraph

__all__ = ["Promoter"]

logger = logging.getLogger("graphnb")

_NAME = re.compile(r"\w[\w.-]{0,99}", re.ASCII)
_END_S = 3.0  # what a process that ends waits for the promotion to be taken back


class Shower(Protocol):
    """A picture that shows the promotion of its graph."""

    def promoted(self, promotion: Mapping[str, Any]) -> None:
        """Shows how the promotion is now."""


class PromotionCancelledError(PromoteError):
    """Somebody has cancelled the promotion."""


class Promoter:
    """The promotions of one running graph, for all pictures of it.

    May be asked by several threads at once.

    Args:
        graph: what is promoted.
    """

    def __init__(self, graph: RunningGraph) -> None:
        self._graph = graph
        self._lock = threading.Lock()  # held while the promotion becomes another
        self._promotion = Promotion()
        self._work: _Work | None = None
        self._showers: weakref.WeakSet[Shower] = weakref.WeakSet()

    def show_to(self, shower: Shower) -> None:
        """Tells this picture of every change from now on, as long as there is one."""
        with self._lock:
            self._showers.add(shower)

    def now(self) -> dict[str, Any]:
        """How the promotion is now."""
        return self._promotion.plain()

    def plan(self, to: str, application: str) -> dict[str, Any]:
        """Begins to make a plan, unless something is under way.

        Args:
            to: the target's name in the settings.
            application: what the graph is to be called there.

        Raises:
            PromoteError: there is no such target, or a name does not do.
            ExportError: the graph's source is not known here.
        """
        target, notebook = _target(to), self._graph._notebook(())
        if not _NAME.fullmatch(application):
            raise PromoteError(
                f"{application!r} does not do as the name of an application",
                hint="use letters, digits, -, _ and ., beginning with a letter or a digit",
            )
        with self._lock:
            if self._promotion.works:
                return self.now()
            if self._work is not None:
                self._work.end("another plan was asked for")
            number = self._promotion.number + 1
            self._work = _Work(self, self._graph, notebook, target)
            self._become(
                Promotion(
                    stage="planning", target=target.name, application=application, number=number
                )
            )
            self._work.start(application)
        self._show()
        return self.now()

    def roll_out(self, number: int) -> dict[str, Any]:
        """Has the plan of that number done, unless that is under way already.

        Raises:
            PromoteError: it is not the plan that there is.
        """
        with self._lock:
            is_this, work = self._promotion.number == number, self._work
            if is_this and self._promotion.stage == "rolling out":
                return self.now()
            waits = self._promotion.stage == "planned" and not self._promotion.empty
            if not is_this or not waits or work is None:
                raise PromoteError(
                    "the plan that is shown is no longer the one that waits",
                    hint="make the plan again",
                )
            self._become(replace(self._promotion, stage="rolling out", steps=()))
            work.go_on()
        self._show()
        return self.now()

    def cancel(self) -> dict[str, Any]:
        """Ends what is under way: what has been changed on the cluster is put back."""
        with self._lock:
            if self._promotion.works and self._work is not None:
                self._work.end("it was cancelled")
                self._become(replace(self._promotion, cancelling=True))
        self._show()
        return self.now()

    def graph_ended(self) -> None:
        """Lets go of a plan; a rollout goes on, since the graph has no part in it any more."""
        with self._lock:
            if self._work is not None and self._promotion.stage != "rolling out":
                self._work.end(f"{self._graph.name} has ended")

    def process_ends(self) -> None:
        """Shows nothing any more: there may be nothing that could."""
        with self._lock:
            self._showers.clear()

    def change(self, work: _Work, change: Callable[[Promotion], Promotion]) -> None:
        """Changes what is shown, unless another promotion has begun since that one."""
        with self._lock:
            changed = change(self._promotion)
            if self._work is not work or changed == self._promotion:
                return
            self._become(changed)
        self._show()

    def _become(self, promotion: Promotion) -> None:
        """The lock is held."""
        self._promotion = replace(promotion, revision=self._promotion.revision + 1)

    def _show(self) -> None:
        with self._lock:
            showers, promotion = list(self._showers), self.now()
        for one in showers:
            try:
                one.promoted(promotion)
            except Exception:
                logger.exception("a live picture of %r is told nothing more", self._graph.name)
                with self._lock:
                    self._showers.discard(one)


class _Work:
    """One promotion, in a thread of its own.

    Args:
        promoter: is told how it goes.
        graph: what is promoted.
        notebook: in which it is written.
        target: the cluster.
    """

    def __init__(
        self, promoter: Promoter, graph: RunningGraph, notebook: Notebook, target: Target
    ) -> None:
        self._promoter = promoter
        self._graph = graph
        self._notebook = notebook
        self._target = target
        self._decided = threading.Event()
        self._end_reason = ""
        self._told = False
        self._thread: threading.Thread | None = None

    def start(self, application: str) -> None:
        """Begins."""
        # A daemon: a cluster that does not answer keeps no kernel from its end.
        self._thread = threading.Thread(
            target=self._run, args=(application,), name="graphnb-promote", daemon=True
        )
        self._thread.start()

    def go_on(self) -> None:
        """Has the plan done."""
        self._decided.set()

    def end(self, reason: str) -> None:
        """Ends it at its next step."""
        self._end_reason = self._end_reason or reason
        self._decided.set()

    def _run(self, application: str) -> None:
        try:
            with promotion_folder() as folder:
                # After the folder's own: called before it, so that nobody writes there any more.
                atexit.register(self._end_with_process)
                self._promote(application, folder)
        except GraphnbError as caught:
            error = caught
            self._change(lambda promotion: promotion.failed(error))
        except Exception as unexpected:
            logger.exception("the promotion of %r failed", self._graph.name)
            broken = PromoteError(f"{type(unexpected).__name__}: {unexpected}")
            self._change(lambda promotion: promotion.failed(broken))
        finally:
            atexit.unregister(self._end_with_process)

    def _promote(self, application: str, folder: str) -> None:
        prepared = prepare(
            self._graph, self._notebook, self._target, folder,
            name=application, progress=self._progress,
        )  # fmt: skip
        self._change(lambda promotion: promotion.planned(prepared))
        if not prepared.plan:
            return
        if not self._end_reason:
            self._decided.wait()
        self._check_ended()
        self._roll_out(prepared)

    def _roll_out(self, prepared: Prepared) -> None:
        promotion = prepared.roll_out(self._progress).promotion
        rolled = None if promotion is None else promotion.rolled
        assert rolled is not None, "a plan that does something was done"
        self._change(lambda promotion: promotion.done(rolled))

    def _progress(self, stage: str) -> None:
        self._check_ended()
        self._change(lambda promotion: promotion.at(stage))

    def _check_ended(self) -> None:
        """Raises PromotionCancelledError, once: putting back goes through here as well."""
        if self._end_reason and not self._told:
            self._told = True
            raise PromotionCancelledError(self._end_reason)

    def _change(self, change: Callable[[Promotion], Promotion]) -> None:
        self._promoter.change(self, change)

    def _end_with_process(self) -> None:
        self._promoter.process_ends()
        self.end("the kernel has ended")
        if self._thread is not None:
            self._thread.join(_END_S)


def _target(to: str) -> Target:
    """A target of the settings; an address is none: what a page sends opens no connection."""
    if to not in targets(Path.cwd()):
        raise PromoteError(
            f"there is no target {to!r}", hint="it is named in graphnb.toml or pyproject.toml"
        )
    return read_target(to, Path.cwd())
