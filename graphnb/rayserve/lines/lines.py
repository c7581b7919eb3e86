"""The lines to all replicas of one deployment, and whose turn it is."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any

from graphnb.rayserve.here import door
from graphnb.rayserve.lines.line import RefusedError, open_line
from graphnb.rayserve.private import ask_replica, replica_limits, replicas_known_to

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from graphnb.engine.values import Packed
    from graphnb.rayserve.lines.frames import Address
    from graphnb.rayserve.lines.line import Line
    from graphnb.rayserve.stash import Ticket
    from graphnb.rayserve.wire import Header, Reply

_LOOK_S = 0.05  # how often waiting calls have it looked for new replicas
_TRY_S = 0.5  # how often one of them is tried where a replica seems to take no more
_AGAIN_S = 0.5  # until a replica that could not be reached is tried once more
_REFUSED_S = 30.0  # until one that has no door is asked once more
_OPEN_S = 5.0


def _nothing() -> None:
    """What is known of replicas that nobody calls any more."""


_of_handle: weakref.WeakKeyDictionary[Any, Lines] = weakref.WeakKeyDictionary()


def lines_of(handle: Any) -> Lines | None:
    """The lines to the replicas of a handle, the same for all who have it.

    Args:
        handle: of `handle_here`.

    Returns:
        None where Ray does not tell of replicas.
    """
    found = _of_handle.get(handle)
    if found is None:
        known = replicas_known_to(handle)
        if known is None:
            return None
        found = _of_handle[handle] = Lines(known)
    return found


def forget_lines() -> None:
    """Closes all lines of this process: it has left the Ray that they lead to."""
    forgotten = list(_of_handle.values())
    _of_handle.clear()
    for one in forgotten:
        with contextlib.suppress(RuntimeError):  # its loop has ended
            one.loop.call_soon_threadsafe(one.close)


class Lines:
    """Lines to the replicas that Ray Serve says there are.

    Runs on one event loop. Each call takes the least busy replica that has room; calls for which
    none has wait in order, and `None` for a call means that it has to go by Ray Serve: a replica
    has no door, or lines are not there yet.

    Args:
        replicas: gives what is known of the replicas, for `replica_limits`; the same object until
            something changes, and None while nothing is known.

    Attributes:
        complete: each replica has a line, or will have.
    """

    def __init__(self, replicas: Callable[[], Any]) -> None:
        self._replicas = replicas
        self.loop = asyncio.get_running_loop()
        self._seen: Any = None
        self._lines: dict[str, Line] = {}
        self._opening: dict[str, asyncio.Task[None]] = {}
        self.complete = False
        self._waiting: deque[asyncio.Future[Line | None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._again = self._next_try = 0.0
        self._limits: dict[str, int] = {}
        self._failed: set[str] = set()  # whose last attempt failed

    async def call(self, header: Header, parts: Sequence[Packed]) -> Reply | Ticket | None:
        """One call; None if it has to go by Ray Serve, and nothing was done.

        Raises:
            RemoteFailure: what the host raised.
            ReplicaGoneError: the replica ended during the call.
        """
        refused = False
        while True:
            line = None if refused else self._take()
            if line is None:
                if not self.complete:
                    return None
                line = await self._wait(first=refused)
                if line is None:
                    return None
            try:
                return await line.ask(header, parts)
            except RefusedError:
                refused = True  # it had its turn, and keeps it
            finally:
                line.busy -= 1
                if line.closed:
                    self._drop(line)
                if self._waiting:
                    self._hand_out()

    def look(self) -> None:
        """Takes note of what Ray Serve says, if it says something new or it is time."""
        if self._replicas() is not self._seen or (not self.complete and self._is_time()):
            self._look()

    def close(self) -> None:
        """No call goes this way any more."""
        self._replicas = _nothing
        self._seen, self.complete, self._limits = None, False, {}
        for task in self._opening.values():
            task.cancel()
        for line in self._lines.values():
            line.retire()
        self._lines.clear()
        self._hand_out()

    # Whose turn it is.

    def _take(self) -> Line | None:
        """A slot of the least busy replica, unless others have waited for one."""
        self.look()
        if self._waiting or not self.complete:
            return None
        return self._least_busy()

    def _least_busy(self) -> Line | None:
        best, chosen = None, ""
        for name, one in self._lines.items():
            if one.has_room and (best is None or one.busy < best.busy):
                best, chosen = one, name
        if best is not None:
            best.busy += 1
            best.tries = False
            if len(self._lines) > 1:  # of those that are as busy, each has its turn
                del self._lines[chosen]
                self._lines[chosen] = best
        return best

    async def _wait(self, *, first: bool) -> Line | None:
        waiter: asyncio.Future[Line | None] = self.loop.create_future()
        if first:
            self._waiting.appendleft(waiter)
            self._hand_out()
        else:
            self._waiting.append(waiter)
        if self._timer is None:
            self._timer = self.loop.call_later(_LOOK_S, self._look_again)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                line = waiter.result()
                if line is not None:
                    line.busy -= 1
                    self._hand_out()
            raise

    def _look_again(self) -> None:
        self._timer = None
        if self.loop.time() >= self._next_try:
            self._next_try = self.loop.time() + _TRY_S
            for one in self._lines.values():
                one.tries = True  # what is known of what it takes may be out of date
        if self._replicas() is not self._seen:
            self._look()
        self._hand_out()
        if self._waiting:
            self._timer = self.loop.call_later(_LOOK_S, self._look_again)

    def _hand_out(self) -> None:
        """Gives free slots to those who have waited longest; all go where there are no lines."""
        while self._waiting:
            if self._waiting[0].done():
                self._waiting.popleft()
                continue
            line = self._least_busy() if self.complete else None
            if line is None and self.complete:
                return
            self._waiting.popleft().set_result(line)

    # Which lines there are.

    def _is_time(self) -> bool:
        return self.loop.time() >= self._again

    def _look(self) -> None:
        """Opens lines to replicas that are new, and retires those to replicas that have gone."""
        known = self._replicas()
        self._seen = known
        self._again = self.loop.time() + _AGAIN_S
        self._limits = limits = replica_limits(known)
        for name in self._lines.keys() - limits.keys():
            self._lines.pop(name).retire()
        for name, limit in limits.items():
            line = self._lines.get(name)
            if line is not None:
                line.set_limit(limit)
            elif name not in self._opening:
                self._opening[name] = self.loop.create_task(self._open(name))
        self._failed &= limits.keys()
        self._count()

    def _count(self) -> None:
        """Whether each replica has a line, or will have: else Ray Serve has to choose among all."""
        there = self._lines.keys() | (self._opening.keys() - self._failed)
        self.complete = bool(self._lines) and there >= self._limits.keys()
        self._hand_out()

    async def _open(self, name: str) -> None:
        again_s = _AGAIN_S
        try:
            async with asyncio.timeout(_OPEN_S):
                found: Address | None = await (await asyncio.to_thread(ask_replica, name, door))
                if found is not None:
                    line = await open_line(found, self._limits.get(name, 1), self._changed)
            if found is None:
                again_s = _REFUSED_S
                self._failed.add(name)
            elif name in self._limits:
                self._failed.discard(name)
                self._lines[name] = line
            else:
                line.retire()
        except Exception:  # noqa: BLE001  whatever it is: calls go by Ray Serve, and it is tried again
            self._failed.add(name)
        finally:
            self._opening.pop(name, None)
            self._again = max(self._again, self.loop.time() + again_s)
            self._count()

    def _changed(self) -> None:
        """A line says something new of itself."""
        for line in [one for one in self._lines.values() if one.closed]:
            self._drop(line)
        self._hand_out()

    def _drop(self, line: Line) -> None:
        for name, one in list(self._lines.items()):
            if one is line:
                del self._lines[name]
        line.retire()
        self._again = self.loop.time() + _AGAIN_S
        self._count()
