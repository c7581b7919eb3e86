"""Events that reach deployments wherever they run: barriers, gates, notes and gauges over a socket.

A test and the deployments under test share nothing but an address, so that the same test holds for
nodes in this process and in another one. Nothing here sleeps: a wait ends when what it waits for
happens, or fails after `PATIENCE_S`.

    signals.set("go")                  opens a gate; signals.wait("go") passes it
    signals.meet("both", 2)            returns when two callers have met
    signals.note("made", "a")          leaves a note; signals.notes("made") == ["a"]
    with signals.inside("work"): ...   counts who is inside; signals.peak("work") is the most ever

Each has an async twin for `async def` nodes: `aset`, `await_`, `ameet`, `anote`, `ainside`.
"""

import asyncio
import contextlib
import json
import socket
import socketserver
import threading
from collections import Counter, defaultdict
from dataclasses import dataclass

PATIENCE_S = 20.0


@dataclass(frozen=True)
class Signals:
    """The client; travels wherever a value can."""

    port: int
    scope: str

    def set(self, name):
        self._ask("set", name)

    async def aset(self, name):
        await self._aask("set", name)

    def wait(self, name):
        self._ask("wait", name)

    async def await_(self, name):
        await self._aask("wait", name)

    def meet(self, name, parties):
        self._ask("meet", name, parties)

    async def ameet(self, name, parties):
        await self._aask("meet", name, parties)

    def note(self, name, value=None):
        """Leaves a note; returns how many of that name there are now."""
        return self._ask("note", name, value)

    async def anote(self, name, value=None):
        return await self._aask("note", name, value)

    def notes(self, name):
        return self._ask("notes", name)

    def wait_for_notes(self, name, count):
        """The notes of that name, as soon as there are so many."""
        return self._ask("wait_for_notes", name, count)

    @contextlib.contextmanager
    def inside(self, name):
        self._ask("enter", name)
        try:
            yield
        finally:
            self._ask("leave", name)

    @contextlib.asynccontextmanager
    async def ainside(self, name):
        await self._aask("enter", name)
        try:
            yield
        finally:
            # Also when cancelled, where nothing can be awaited any more.
            self._ask("leave", name)

    def peak(self, name):
        return self._ask("peak", name)

    def release(self):
        """Opens every gate and breaks every barrier, so that nothing is left waiting."""
        self._ask("release", "")

    def _ask(self, verb, name, value=None):
        with socket.create_connection(("127.0.0.1", self.port)) as sock:
            sock.sendall(self._line(verb, name, value))
            with sock.makefile("rb") as answers:
                return _answer(answers.readline(), verb, name)

    async def _aask(self, verb, name, value=None):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(self._line(verb, name, value))
            return _answer(await reader.readline(), verb, name)
        finally:
            writer.close()

    def _line(self, verb, name, value):
        return json.dumps([self.scope, verb, name, value]).encode() + b"\n"


def _answer(text, verb, name):
    found = json.loads(text)
    if not found["ok"]:
        raise TimeoutError(f"{verb} {name!r}: nothing happened within {PATIENCE_S} s")
    return found["value"]


class _Board:
    """What has happened within one scope."""

    def __init__(self):
        self._changed = threading.Condition()
        self._gates = set()
        self._met = Counter()
        self._notes = defaultdict(list)
        self._inside = Counter()
        self._peaks = Counter()
        self._released = False

    def set(self, name, _value):
        with self._changed:
            self._gates.add(name)
            self._changed.notify_all()
        return True, None

    def wait(self, name, _value):
        return self._until(lambda: name in self._gates), None

    def meet(self, name, parties):
        with self._changed:
            self._met[name] += 1
            round_ends = -(-self._met[name] // parties) * parties
            self._changed.notify_all()
        return self._until(lambda: self._met[name] >= round_ends), None

    def note(self, name, value):
        with self._changed:
            self._notes[name].append(value)
            self._changed.notify_all()
            return True, len(self._notes[name])

    def notes(self, name, _value):
        return True, list(self._notes[name])

    def wait_for_notes(self, name, count):
        return self._until(lambda: len(self._notes[name]) >= count), list(self._notes[name])

    def enter(self, name, _value):
        with self._changed:
            self._inside[name] += 1
            self._peaks[name] = max(self._peaks[name], self._inside[name])
        return True, None

    def leave(self, name, _value):
        with self._changed:
            self._inside[name] -= 1
        return True, None

    def peak(self, name, _value):
        return True, self._peaks[name]

    def release(self, _name, _value):
        with self._changed:
            self._released = True
            self._changed.notify_all()
        return True, None

    def _until(self, happened):
        with self._changed:
            return self._changed.wait_for(lambda: self._released or happened(), PATIENCE_S)


class SignalServer(socketserver.ThreadingTCPServer):
    """Answers the clients of all scopes."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 512

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.boards = defaultdict(_Board)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def signals(self, scope):
        """A client with a board of its own."""
        return Signals(self.server_address[1], scope)

    def stop(self):
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(socketserver.StreamRequestHandler):
    def handle(self):
        # Whoever asks may be cancelled at any moment, before the question or before the answer.
        with contextlib.suppress(OSError):
            question = self.rfile.readline()
            if not question:
                return
            scope, verb, name, value = json.loads(question)
            ok, found = getattr(self.server.boards[scope], verb)(name, value)
            self.wfile.write(json.dumps({"ok": ok, "value": found}).encode() + b"\n")
            self.wfile.flush()
