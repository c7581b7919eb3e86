"""Calls straight from process to process: over real sockets, with a host that the test plays."""

import asyncio
import itertools
import pickle
import socket
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphnb.engine.values import pack, unpack
from graphnb.errors import RequestCancelledError
from graphnb.rayserve.failures import ReplicaGoneError
from graphnb.rayserve.lines import Door, Lines, forget_lines, frames, lines_of
from graphnb.rayserve.lines import lines as lines_module
from graphnb.rayserve.lines.body import load
from graphnb.rayserve.lines.frames import Address
from graphnb.rayserve.lines.line import RefusedError, open_line
from graphnb.rayserve.remote import RemoteCallee
from graphnb.rayserve.stash import Ticket
from graphnb.rayserve.travelling import TravellingRequest
from graphnb.rayserve.wire import Header, RemoteFailure, Reply

HEADER = Header(
    "r-1", 1, "node", "run", "node", (), "", None, 0.5, record=True, notes=False,
    by_reference=False, hold=False, shape=None,
)  # fmt: skip


class Host:
    """Answers as it is told by the first argument."""

    def __init__(self):
        self.began = asyncio.Event()
        self.go = asyncio.Event()
        self.cancelled = 0
        self.calls = 0

    async def graphnb_answer(self, header, parts):
        """Answers."""
        assert header == HEADER
        self.calls += 1
        what, *more = (unpack(one) for one in parts)
        if what == "wait":
            self.began.set()
            try:
                await self.go.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        if what == "gives up":
            asyncio.current_task().cancel()
            await asyncio.sleep(0)
        if what == "fail":
            raise RemoteFailure("it failed", b"error", [], (), True)
        if what == "large":
            return Ticket("replica", 3, 1 << 30)
        return Reply(pack([what, *more]), ("replica", 0.0, 0.1, 0))


PLACES = []


async def until(holds):
    """Returns when something that sends no event has come to hold."""
    while not holds():  # noqa: ASYNC110  there is none
        await asyncio.sleep(0.001)


async def end_places():
    """Nothing stays open, and whatever was cut off has ended."""
    ended = []
    while PLACES:
        ended.append(PLACES.pop())
        await ended[-1].end()
    await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})
    for one in ended:  # who knocked and went again may be heard of late
        await until(lambda door=one.door: not (door._visitors or door._strangers))
    for _ in range(5):  # rounds of the loop, in which transports close
        await asyncio.sleep(0.001)


class Place:
    """A host with its door, and lines to it."""

    def __init__(self, room=1_000):
        PLACES.append(self)
        self.lines = []
        self.host = Host()
        self.open, self.room = True, room
        self.door = Door(
            self.host, lambda _header: self.open, lambda _coming: self.door.taken < self.room
        )
        self.changes = 0

    def changed(self):
        """A line says that something is new."""
        self.changes += 1

    async def line(self, limit=100, **address):
        """A line."""
        if self.door.address is None:
            await self.door.open("127.0.0.1")
        made = await open_line(self.door.address._replace(**address), limit, self.changed)
        self.lines.append(made)
        return made

    async def hold(self, line):
        """A call that is under way at the host, until that is told to go."""
        held = asyncio.ensure_future(answer(line, "wait"))
        await self.host.began.wait()
        return held

    async def end(self):
        """Nothing stays open."""
        for one in (*self.lines, *self.door._visitors):
            one.transport.abort()
        await self.door.close()
        await until(lambda: not self.door._visitors)


async def connected():
    """A place, and a line to it."""
    place = Place()
    return place, await place.line()


def parts(*values):
    """Arguments as they travel."""
    return [pack(one) for one in values]


async def answer(line, *values):
    """What a call gives."""
    reply = await line.ask(HEADER, parts(*values))
    return unpack(reply.packed)


def run(scene):
    """Runs a scene on a loop of its own, ten seconds at the most."""

    async def play():
        async with asyncio.timeout(10):
            try:
                await scene()
            finally:
                await end_places()

    asyncio.run(play())


def test_a_call_is_answered():
    """With what the host gives: a reply, of any size, or a ticket."""

    async def scene():
        place, line = await connected()
        assert await answer(line, "x", {"a": [1, 2]}) == ["x", {"a": [1, 2]}]
        reply = await line.ask(HEADER, parts("x"))
        assert reply == Reply(reply.packed, ("replica", 0.0, 0.1, 0))
        large = list(range(300_000))
        assert await answer(line, "x", large) == ["x", large]
        assert await line.ask(HEADER, parts("large")) == Ticket("replica", 3, 1 << 30)
        assert place.door.taken == 0

    run(scene)


def test_many_calls_share_a_line():
    """Answers find their calls, in whatever order they come."""

    async def scene():
        place, line = await connected()
        slow = asyncio.ensure_future(answer(line, "wait", "slow"))
        found = await asyncio.gather(*(answer(line, "x", number) for number in range(200)))
        assert found == [["x", number] for number in range(200)]
        assert not slow.done()
        place.host.go.set()
        assert await slow == ["wait", "slow"]

    run(scene)


def test_a_failure_comes_back():
    """As the host raised it."""

    async def scene():
        line = await Place().line()
        with pytest.raises(RemoteFailure) as caught:
            await line.ask(HEADER, parts("fail"))
        assert (caught.value.error, caught.value.late) == (b"error", True)
        assert await answer(line, "x") == ["x"]

    run(scene)


def test_a_node_may_give_up_itself():
    """Its caller is told so."""

    async def scene():
        _, line = await connected()
        with pytest.raises(RequestCancelledError):
            await line.ask(HEADER, parts("gives up"))
        assert await answer(line, "x") == ["x"]

    run(scene)


def test_a_call_that_is_given_up_is_cancelled_at_the_host():
    """And its answer, if it comes, is nobody's."""

    async def scene():
        place, line = await connected()
        call = await place.hold(line)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        while not place.host.cancelled:
            await answer(line, "x")
        assert place.door.taken == 0

    run(scene)


def test_a_host_without_room_refuses_and_says_when_it_has():
    """The call was not begun; `changed` is called when it may be tried again."""

    async def scene():
        place = Place(room=1)
        line, other = await place.line(), await place.line()
        waiting = await place.hold(line)
        with pytest.raises(RefusedError):
            await other.ask(HEADER, parts("x"))
        assert not other.has_room
        assert place.host.calls == 1
        place.host.go.set()
        await waiting
        await until(lambda: place.changes)
        assert other.has_room
        assert await answer(other, "x") == ["x"]

    run(scene)


def test_a_closed_door_lets_calls_end():
    """Those under way are answered; no other comes in."""

    async def scene():
        place, line = await connected()
        waiting = await place.hold(line)
        address = place.door.address
        closing = asyncio.ensure_future(place.door.close())
        with pytest.raises(RefusedError):
            await line.ask(HEADER, parts("x"))
        with pytest.raises(OSError):
            await open_line(address, 1, place.changed)
        assert not closing.done()
        place.host.go.set()
        assert await waiting == ["wait"]
        await closing

    run(scene)


def test_a_host_may_close_its_door_to_all_calls():
    """As when Ray Serve has to count them from now on."""

    async def scene():
        place, line = await connected()
        place.open = False
        with pytest.raises(RefusedError):
            await line.ask(HEADER, parts("x"))
        assert line.closed
        assert place.host.calls == 0

    run(scene)


def test_a_line_that_breaks_off_ends_its_calls():
    """With the error of a replica that died; and the host cancels what nobody waits for."""

    async def scene():
        place, line = await connected()
        call = await place.hold(line)
        line.transport.abort()
        with pytest.raises(ReplicaGoneError):
            await call
        with pytest.raises(RefusedError):
            await line.ask(HEADER, parts("x"))
        await until(lambda: place.host.cancelled)

    run(scene)


# --- who may --------------------------------------------------------------------------------------


class Bomb:
    """Unpickling it is what must not happen."""

    def __reduce__(self):
        return pytest.fail, ("somebody unpickled it",)


def test_who_does_not_know_the_secret_is_refused():
    """Neither side goes on."""

    async def scene():
        place = Place()
        with pytest.raises(OSError):
            await place.line(secret=b"guessed" * 5)
        assert not place.door._visitors

    run(scene)


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\nHost: there\r\n\r\n" + bytes(200),
        frames.greeting() + bytes(frames.PROOF),
        frames.greeting() + bytes(frames.PROOF) + b"\x00\x00\x00\x00\x01" + pickle.dumps(Bomb()),
    ],
)
def test_nothing_of_a_stranger_is_unpickled(said):
    """It is cut off, with the door's greeting as the only answer."""

    async def scene():
        place = Place()
        await place.line()
        reader, writer = await asyncio.open_connection(*place.door.address[:2])
        writer.write(said)
        try:
            heard = await reader.read()
        except ConnectionError:
            heard = b""
        assert len(heard) <= frames.GREETING
        assert place.host.calls == 0
        writer.close()

    run(scene)


def test_a_stranger_who_says_nothing_is_cut_off(monkeypatch):
    """It holds no connection for long."""
    monkeypatch.setattr("graphnb.rayserve.lines.door._GREETING_S", 0.05)

    async def scene():
        place = Place()
        await place.line()
        reader, writer = await asyncio.open_connection(*place.door.address[:2])
        assert len(await reader.readexactly(frames.GREETING)) == frames.GREETING
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()

    run(scene)


def test_a_caller_trusts_no_stranger_at_the_address():
    """One that took the port of a host that ended; nothing of it is unpickled."""

    async def scene():
        async def stranger(reader, writer):
            writer.write(frames.greeting())
            await reader.readexactly(frames.GREETING + frames.PROOF)
            writer.write(bytes(frames.PROOF) + b"\xff\x00\x00\x00\x0b" + pickle.dumps(Bomb()))
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(stranger, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(OSError):
            await open_line(Address("127.0.0.1", port, bytes(32)), 1, lambda: None)
        server.close()

    run(scene)


def test_the_secret_is_not_shown():
    """An address may get into a log."""
    assert "***" in repr(Address("127.0.0.1", 1, b"s3cret"))
    assert "s3cret" not in repr(Address("127.0.0.1", 1, b"s3cret"))


# --- whose turn it is -----------------------------------------------------------------------------


class Replicas:
    """What Ray Serve would say of replicas, and the doors that they have."""

    def __init__(self, monkeypatch):
        self.places, self.known, self.asked, self.patch = {}, None, [], monkeypatch
        monkeypatch.setattr(lines_module, "ask_replica", self._ask)
        monkeypatch.setattr(lines_module, "replicas_known_to", lambda _handle: lambda: self.known)
        self.lines = lines_of(self)

    def say(self, **limits):
        """Which replicas there are, and how many calls each takes."""
        self.known = {
            name: SimpleNamespace(
                _replica_info=SimpleNamespace(actor_name=name), max_ongoing_requests=limit
            )
            for name, limit in limits.items()
        }

    def _ask(self, name, _function):
        """What a replica says of its door."""
        self.asked.append(name)

        async def address():
            place = self.places.get(name)
            if place is None:
                raise ValueError(name)
            if not place.open:
                return None
            if place.door.address is None:
                await place.door.open("127.0.0.1")
            return place.door.address

        return address()

    async def call(self, *values):
        """One call; None when it has to go by Ray Serve."""
        reply = await self.lines.call(HEADER, parts(*values))
        return None if reply is None else unpack(reply.packed)

    async def connected(self):
        """When there are lines to all."""
        while len(self.lines._lines) < len(self.known):
            await self.call("x")
            await asyncio.sleep(0.001)


@pytest.fixture
def scene(monkeypatch):
    """Plays a scene with replicas."""

    def play(act):
        async def play_it():
            async with asyncio.timeout(20):
                replicas = Replicas(monkeypatch)
                try:
                    await act(replicas)
                finally:
                    replicas.lines.close()
                    await end_places()

        asyncio.run(play_it())

    return play


def test_until_there_are_lines_to_all_calls_go_by_ray_serve(scene):
    """So that each replica has its share."""

    async def act(replicas):
        assert await replicas.call("x") is None  # nobody is known
        replicas.places = {"a": Place()}
        replicas.say(a=5, b=5)
        assert await replicas.call("x") is None
        await until(lambda: "b" in replicas.asked and not replicas.lines._opening)
        assert await replicas.call("x") is None
        replicas.say(a=5)
        assert await replicas.call("x") == ["x"]

    scene(act)


def test_the_least_busy_replica_is_chosen(scene):
    """Calls at once are shared evenly."""

    async def act(replicas):
        replicas.places = {"a": Place(), "b": Place()}
        replicas.say(a=10, b=10)
        await replicas.connected()
        calls = [asyncio.ensure_future(replicas.call("wait")) for _ in range(8)]
        for place in replicas.places.values():
            await until(lambda door=place.door: door.taken == 4)
            place.host.go.set()
        assert await asyncio.gather(*calls) == [["wait"]] * 8

    scene(act)


def test_calls_that_find_no_room_wait_in_order(scene):
    """And never is there more at a replica than it takes."""

    async def act(replicas):
        place = replicas.places["a"] = Place(room=2)
        replicas.say(a=2)
        await replicas.connected()
        ended = []

        async def call(number):
            await replicas.call("wait", number)
            ended.append(number)

        calls = [asyncio.ensure_future(call(number)) for number in range(6)]
        await place.host.began.wait()
        assert (place.door.taken, place.host.calls) == (2, 2)
        place.host.go.set()
        await asyncio.gather(*calls)
        assert ended == list(range(6))

    scene(act)


def test_new_replicas_serve_those_who_wait(scene):
    """Also when nothing else happens."""

    async def act(replicas):
        replicas.places = {"a": Place(room=1), "b": Place(room=1)}
        replicas.say(a=1)
        await replicas.connected()
        calls = [asyncio.ensure_future(replicas.call("wait")) for _ in range(2)]
        await replicas.places["a"].host.began.wait()
        replicas.say(a=1, b=1)
        await replicas.places["b"].host.began.wait()
        for place in replicas.places.values():
            place.host.go.set()
        assert await asyncio.gather(*calls) == [["wait"]] * 2

    scene(act)


def test_a_higher_limit_serves_those_who_wait(scene):
    """As soon as Ray Serve tells of it."""

    async def act(replicas):
        place = replicas.places["a"] = Place()
        replicas.say(a=1)
        await replicas.connected()
        calls = [asyncio.ensure_future(replicas.call("wait")) for _ in range(3)]
        await place.host.began.wait()
        replicas.say(a=3)
        await until(lambda: place.door.taken == 3)
        place.host.go.set()
        assert await asyncio.gather(*calls) == [["wait"]] * 3

    scene(act)


def test_a_limit_that_ray_serve_does_not_tell_of_is_found_out(scene):
    """A host may take more than is known; it says itself when it takes no more."""

    async def act(replicas):
        place = replicas.places["a"] = Place(room=1)
        replicas.say(a=1)
        await replicas.connected()
        calls = [asyncio.ensure_future(replicas.call("wait")) for _ in range(4)]
        await place.host.began.wait()
        place.room = 3
        await until(lambda: place.door.taken == 3)
        assert await asyncio.wait(calls, timeout=0.2) == (set(), set(calls))
        assert place.door.taken == 3
        place.host.go.set()
        assert await asyncio.gather(*calls) == [["wait"]] * 4

    scene(act)


def test_the_order_is_kept_however_long_it_takes(scene):
    """A call that is tried and refused keeps its turn; at worst the next one is quicker."""

    async def act(replicas):
        place = replicas.places["a"] = Place(room=1)
        replicas.patch.setattr(lines_module, "_TRY_S", 0.01)
        replicas.say(a=1)
        await replicas.connected()
        began, go = [], asyncio.Semaphore(0)

        async def slow(header, parts):
            began.append(unpack(parts[1]))
            await go.acquire()
            return Reply(pack(0), ())

        place.host.graphnb_answer = slow
        calls = [asyncio.ensure_future(replicas.call("x", number)) for number in range(6)]
        for number in range(6):
            await until(lambda number=number: len(began) == number + 1)
            await asyncio.sleep(0.13)  # in which waiting calls are tried
            go.release()
        await asyncio.gather(*calls)
        assert all(abs(number - place) <= 1 for place, number in enumerate(began)), began

    scene(act)


def test_callers_do_not_storm_a_full_host(scene):
    """Of many calls of two callers few are refused, and all are answered."""

    async def act(replicas):
        place = replicas.places["a"] = Place(room=10)
        replicas.say(a=10)
        await replicas.connected()
        other = Lines(lambda: replicas.known)
        await until(lambda: other._take() is not None)
        next(iter(other._lines.values())).busy -= 1
        refused, refusal = [], place.door.refusal
        place.door.refusal = lambda *call: refused.append(one := refusal(*call)) or one

        async def quick(header, parts):
            await asyncio.sleep(0.001)
            return Reply(pack(0), ())

        place.host.graphnb_answer = quick
        calls = [lines.call(HEADER, parts("x")) for lines in (replicas.lines, other) * 300]
        answers = await asyncio.gather(*calls)
        assert None not in answers
        assert sum(one is not None for one in refused) < 600
        other.close()

    scene(act)


def test_a_replica_that_cannot_be_reached_is_called_by_ray_serve(scene):
    """While it is tried again and again: the others do not get its share."""

    async def act(replicas):
        replicas.places = {"a": Place()}
        replicas.patch.setattr(lines_module, "_AGAIN_S", 0.01)
        replicas.say(a=5)
        await replicas.connected()
        replicas.say(a=5, b=5)
        assert await replicas.call("x") == ["x"]  # nothing is known to be wrong
        await until(lambda: replicas.lines._failed == {"b"})
        for _ in range(50):
            assert await replicas.call("x") is None
            await asyncio.sleep(0.002)
        assert replicas.asked.count("b") > 1
        replicas.places["b"] = Place()
        await replicas.connected()
        assert await replicas.call("x") == ["x"]

    scene(act)


def test_a_door_that_closes_wakes_those_who_wait(scene):
    """They go by Ray Serve, without waiting for calls of others to end."""

    async def act(replicas):
        place = replicas.places["a"] = Place(room=1)
        replicas.say(a=1)
        await replicas.connected()
        other = await place.line()
        held = await place.hold(other)
        waiting = asyncio.ensure_future(replicas.call("x"))
        await until(lambda: replicas.lines._waiting)
        closing = asyncio.ensure_future(place.door.close())
        assert await waiting is None
        place.host.go.set()
        await asyncio.gather(held, closing)

    scene(act)


def test_an_answer_that_cannot_be_sent_leaves_nobody_waiting():
    """Neither its caller, nor the door when it closes."""

    async def scene():
        place = Place()

        async def odd(header, parts):
            raise RemoteFailure(lambda: 0, b"", [])

        place.host.graphnb_answer = odd
        line = await place.line()
        with pytest.raises(ReplicaGoneError):
            await line.ask(HEADER, parts("x"))
        assert place.door.taken == 0

    run(scene)


def test_an_answer_that_cannot_be_read_is_told_to_its_caller_alone():
    """As of another version of graphnb; other calls of the line go on."""

    async def scene():
        place, line = await connected()
        waiting = await place.hold(line)
        visitor = next(iter(place.door._visitors))
        asked = asyncio.ensure_future(line.ask(HEADER, parts("wait")))
        await until(lambda: place.door.taken == 2)
        visitor.transport.write(b"\x03\x00\x00\x00\x0b\x02\x00\x00\x00abc")
        with pytest.raises(pickle.UnpicklingError):
            await asked
        place.host.go.set()
        assert await waiting == ["wait"]

    run(scene)


class Reader(frames.Framed):
    """Keeps the frames that it reads in `.got`."""

    def __init__(self):
        super().__init__()
        self.got = []
        self.transport = SimpleNamespace(is_closing=lambda: False)

    def frame(self, kind, number, body):
        """Keeps it."""
        self.got.append((kind, number, body))

    def take(self, data):
        """Reads that, as a transport has it read."""
        while data:
            place = self.get_buffer(-1)
            count = min(len(place), len(data))
            place[:count] = data[:count]
            self.buffer_updated(count)
            data = data[count:]


def test_a_large_frame_is_read_in_time_that_grows_with_it():
    """However many pieces it comes in."""
    reader = Reader()
    reader.take(b"\x00\x90\xd0\x03\x0b\x07\x00\x00\x00"[:5])
    reader.take(b"\x00\x90\xd0\x03\x0b\x07\x00\x00\x00"[5:])
    for _ in range(64_000):
        reader.take(bytes(1_000))
    reader.take(b"\x00\x00\x00\x00\x0c\x08\x00\x00\x00")
    assert [(*one[:2], len(one[2])) for one in reader.got] == [(11, 7, 64_000_000), (12, 8, 0)]


@given(
    sizes=st.lists(
        st.integers(0, 50) | st.sampled_from([65_526, 65_527, 65_528, 70_000, 200_000]), max_size=8
    ),
    cuts=st.lists(st.integers(1, 100_000) | st.integers(1, 12), min_size=1, max_size=30),
)
def test_frames_are_the_same_in_whatever_pieces_they_come(sizes, cuts):
    """Small ones together, large ones bit by bit."""
    sent = [(11, at, bytes([at]) * size) for at, size in enumerate(sizes)]
    data = b"".join(frames._HEAD.pack(len(one[2]), *one[:2]) + one[2] for one in sent)
    reader = Reader()
    for cut in itertools.cycle(cuts):
        if not data:
            break
        reader.take(data[:cut])
        data = data[cut:]
    assert reader.got == sent


@given(st.lists(st.sampled_from([100, 70_000, 70_001, 300_000]), min_size=1, max_size=4))
def test_what_has_large_buffers_arrives_as_it_was(sizes):
    """And its arrays read-only, where arrays of their type may begin."""
    said = [pack(np.arange(size, dtype=np.complex128)) for size in sizes]
    reader, written = Reader(), []
    sender = frames.Framed()
    sender.transport = SimpleNamespace(is_closing=lambda: False, write=written.append)
    sender.send(frames.Kind.DONE, 3, ("before", said, None))
    reader.take(b"".join(written))
    ((kind, number, got),) = reader.got
    assert (kind, number) == (frames.Kind.DONE, 3)
    before, arrays, after = load(got)
    assert (before, after) == ("before", None)
    for size, one in zip(sizes, map(unpack, arrays), strict=True):
        assert np.array_equal(one, np.arange(size))
        assert one.flags.aligned
        assert not one.flags.writeable


def test_a_small_part_of_a_message_does_not_keep_the_rest():
    """It gets memory of its own; what is most of it stays where it was read."""
    reader, written = Reader(), []
    sender = frames.Framed()
    sender.transport = SimpleNamespace(is_closing=lambda: False, write=written.append)
    sender.send(frames.Kind.DONE, 3, [pack(np.ones(10_000)), pack(np.ones(1_000_000))])
    reader.take(b"".join(written))
    small, large = load(reader.got[0][2])
    assert [type(one.buffers[0]) for one in (small, large)] == [bytes, memoryview]


def test_a_message_of_more_than_a_gigabyte_is_refused():
    """Before anything of it is sent; nothing else on the line suffers."""
    sender, written = frames.Framed(), []
    sender.transport = SimpleNamespace(is_closing=lambda: False, write=written.append)
    one = bytes(200_000_000)
    with pytest.raises(ValueError, match="more than 1 GB"):
        sender.send(frames.Kind.CALL, 3, [pickle.PickleBuffer(one) for _ in range(6)])
    assert not written


class Handle:
    """A way by Ray Serve; counts what goes by it in `.calls`."""

    def __init__(self, value):
        self.value, self.calls = value, 0

    async def remote(self, _header, *_parts):
        """Gives always the same."""
        self.calls += 1
        return Reply(self.value, ("replica", 0.0, 0.1, 0))


def test_an_edge_of_middling_values_goes_over_to_lines(scene):
    """Also where no call had gone by them before: it begins by reference, and looks for them."""

    async def act(replicas):
        value = bytes(2 << 20)
        replicas.places["a"] = Place()
        replicas.say(a=5)
        callee = RemoteCallee("node", "node", "app")
        callee._lines = replicas.lines
        callee._unary, callee._unary_by_reference = Handle(value), Handle(value)
        edge = callee.edge("node")
        load = SimpleNamespace(message=lambda kept: ((kept,), None))
        request = TravellingRequest(SimpleNamespace(number=1), request_id="r-1")

        async def ask():
            return await edge.call("run", load, value, request, 0, "node", (), "")

        assert await ask() == value
        await until(lambda: callee.by_line)
        assert await ask() == value
        assert await ask() == value
        assert not edge.by_reference
        assert unpack(await ask()) == [value]
        assert callee._unary_by_reference.calls == 3
        assert callee._unary.calls == 0

    scene(act)


def test_large_buffers_are_written_from_where_they_lie():
    """Nothing of them is copied on the way out."""
    packed, written = pack(np.ones(100_000)), []
    sender = frames.Framed()
    sender.transport = SimpleNamespace(is_closing=lambda: False, write=written.append)
    sender.send(frames.Kind.DONE, 3, packed)
    (large,) = [one for one in written if len(one) > 1_000]
    assert large.obj is packed.buffers[0]


def test_lines_are_forgotten_with_the_ray_that_they_lead_to(scene):
    """Nothing stays connected."""

    async def act(replicas):
        place = replicas.places["a"] = Place()
        replicas.say(a=5)
        await replicas.connected()
        assert lines_of(replicas) is replicas.lines
        await asyncio.to_thread(forget_lines)
        await until(lambda: not place.door._visitors)
        assert await replicas.call("x") is None
        assert replicas.asked == ["a"]  # whatever Ray Serve says
        assert lines_of(replicas) is not replicas.lines

    scene(act)


def test_replicas_that_are_as_busy_take_turns(scene):
    """Also where one call follows the other: each has its part of them."""

    async def act(replicas):
        places = [replicas.places.setdefault(one, Place()) for one in "abc"]
        replicas.say(a=5, b=5, c=5)
        await until(lambda: replicas.lines.look() or len(replicas.lines._lines) == 3)
        for _ in range(6):
            await replicas.call("x")
        assert [one.host.calls for one in places] == [2, 2, 2]

    scene(act)


def test_several_callers_share_the_slots_of_a_host(scene):
    """Each knows only of its own calls: the host refuses, and says when there is room."""

    async def act(replicas):
        place = replicas.places["a"] = Place(room=1)
        replicas.say(a=1)
        await replicas.connected()
        other = await place.line()
        held = await place.hold(other)
        calls = [asyncio.ensure_future(replicas.call("x")) for _ in range(3)]
        assert await asyncio.wait(calls, timeout=0.1) == (set(), set(calls))
        place.host.go.set()
        assert await held == ["wait"]
        assert await asyncio.gather(*calls) == [["x"]] * 3

    scene(act)


def test_a_replica_that_goes_ends_its_calls(scene):
    """It takes no more, and what is under way there is answered."""

    async def act(replicas):
        replicas.places = {"a": Place(), "b": Place()}
        replicas.say(a=5, b=5)
        await replicas.connected()
        calls = [asyncio.ensure_future(replicas.call("wait")) for _ in range(2)]
        gone, left = replicas.places["a"], replicas.places["b"]
        await gone.host.began.wait()
        replicas.say(b=5)
        before = gone.host.calls
        assert await asyncio.gather(*(replicas.call("x") for _ in range(4))) == [["x"]] * 4
        assert gone.host.calls == before
        gone.host.go.set()
        left.host.go.set()
        assert await asyncio.gather(*calls) == [["wait"]] * 2

    scene(act)


def test_those_who_wait_go_by_ray_serve_when_all_lines_are_cut(scene):
    """Nobody waits for a replica that has died."""

    async def act(replicas):
        place = replicas.places["a"] = Place(room=1)
        replicas.say(a=1)
        await replicas.connected()
        calls = [asyncio.ensure_future(replicas.call("wait")) for _ in range(3)]
        await place.host.began.wait()
        place.open = False
        for one in tuple(place.door._visitors):
            one.transport.abort()
        first, *others = await asyncio.gather(*calls, return_exceptions=True)
        assert isinstance(first, ReplicaGoneError)
        assert others == [None, None]

    scene(act)


def test_a_replica_without_a_door_is_called_by_ray_serve(scene):
    """It is asked once for a good while, unless Ray Serve says that something has changed."""

    async def act(replicas):
        place = replicas.places["a"] = Place()
        place.open = False
        replicas.say(a=5)
        for _ in range(20):
            assert await replicas.call("x") is None
            await asyncio.sleep(0.001)
        assert replicas.asked == ["a"]
        place.open = True
        replicas.say(a=5)
        await replicas.connected()

    scene(act)


def test_a_call_that_waits_can_be_given_up(scene):
    """Its slot, if it gets one at that moment, goes to the next."""

    async def act(replicas):
        place = replicas.places["a"] = Place(room=1)
        replicas.say(a=1)
        await replicas.connected()
        first, second, third = (asyncio.ensure_future(replicas.call("wait", n)) for n in range(3))
        await place.host.began.wait()
        second.cancel()
        place.host.go.set()
        assert await asyncio.gather(first, third) == [["wait", 0], ["wait", 2]]
        with pytest.raises(asyncio.CancelledError):
            await second

    scene(act)


def test_a_line_that_the_host_does_not_keep_up_with_has_no_room():
    """Until it does: what waits to be sent is bounded."""

    async def scene():
        place, line = await connected()
        line.pause_writing()
        assert not line.has_room
        line.resume_writing()
        assert line.has_room
        assert place.changes == 1

    run(scene)


def test_strangers_at_the_door_are_few(monkeypatch):
    """More are sent away; those who have proved who they are do not count."""
    monkeypatch.setattr("graphnb.rayserve.lines.door._STRANGERS", 2)

    async def scene():
        place, _ = await connected()
        strangers = [await asyncio.open_connection(*place.door.address[:2]) for _ in range(2)]
        for reader, _ in strangers:
            await reader.readexactly(frames.GREETING)
        with pytest.raises(OSError):
            await place.line()
        strangers[0][1].close()
        await until(lambda: place.door._strangers == 1)
        assert await answer(await place.line(), "x") == ["x"]
        strangers[1][1].close()

    run(scene)


def test_lines_notice_what_is_gone_and_do_not_wait():
    """A small frame goes out at once; a machine that says nothing is given up."""

    async def scene():
        _, line = await connected()
        made = line.transport.get_extra_info("socket")
        assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 25_000

    run(scene)
