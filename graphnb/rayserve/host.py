"""What runs in a replica of Ray Serve: a deployment of a graph, with the engine around it.

The host takes calls from other hosts and from outside, holds the instance of the user's class in
an engine `Replica`, and runs the schedules of the graphs that the deployment holds. Slots, queues
and health are Ray Serve's here; all else is as in one process.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import random
from functools import partial
from typing import TYPE_CHECKING, Any

from ray.util import get_node_ip_address

from graphnb.authoring import DeploymentBinding
from graphnb.engine import multiplex
from graphnb.engine.arguments import Message, load_message
from graphnb.engine.handle import CallOptions, DeploymentTarget, Handle
from graphnb.engine.remote_errors import pack_error
from graphnb.engine.replica_set import Limits, ReplicaSet
from graphnb.engine.request_streams import within_deadline
from graphnb.engine.shipping import unship
from graphnb.engine.starting import ReplicaStarter, own_copy
from graphnb.engine.threads import engine_thread, mark_engine_thread
from graphnb.engine.tracebacks import user_traceback
from graphnb.engine.travel import pack_to_travel
from graphnb.engine.values import packed_size
from graphnb.engine.version import Version
from graphnb.errors import GraphnbError
from graphnb.rayserve.adopt import adopt_replica
from graphnb.rayserve.compiling import wiring_within
from graphnb.rayserve.config import HostState, Payload, Wiring, wiring_of
from graphnb.rayserve.context import stand_in
from graphnb.rayserve.edge import pack_or_store
from graphnb.rayserve.here import be_present
from graphnb.rayserve.http_answer import HttpAnswer, is_http
from graphnb.rayserve.imported import imported_graph
from graphnb.rayserve.lines import Door
from graphnb.rayserve.print_times import note_print_times
from graphnb.rayserve.private import (
    encrypts,
    logged_as,
    max_ongoing_requests,
    takes_direct_calls,
    tell_models,
)
from graphnb.rayserve.remote import RemoteCallee
from graphnb.rayserve.remote_spans import said_of
from graphnb.rayserve.reporting import Reporter
from graphnb.rayserve.stash import MAX_BY_LINE, MAX_MESSAGE, Stash, Ticket
from graphnb.rayserve.travelling import TravellingRequest, TravellingRouter
from graphnb.rayserve.wire import Header, RemoteFailure, Reply, Trailer, note_size

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from graphnb.engine.arguments import Load
    from graphnb.engine.request import Request
    from graphnb.engine.schedule import Step
    from graphnb.engine.values import Packed
    from graphnb.rayserve.lines.frames import Address

_Call = tuple[str, "Load", Message, "Request", None, "str | None", "tuple[str, ...]", str]
logger = logging.getLogger("ray.serve")  # what is logged there is in the logs of the replica
_KEPT_VERSIONS = 3
_MAX_TEXT = 1_000
# Ray Serve asks instances for these by name, and calls them itself.
_HOOKS = ("record_routing_stats", "record_autoscaling_stats", "record_replica_metadata")


class HostVersion(Version):
    """A version as one host knows it.

    Attributes:
        wiring: what it was made of.
        number: the wiring's.
    """

    def __init__(self, wiring: Wiring, callees: Any, schedules: Any, application: object) -> None:
        super().__init__(wiring.root, callees, schedules, application)
        self.wiring = wiring
        self.number = wiring.number

    def _caller(self, step: Step) -> Any:
        callee = self.callees[step.deployment]
        if step.passed_on and isinstance(callee, RemoteCallee):
            return callee.edge(step.call).call
        return callee.call


class _SlotsOfServe(Limits):
    """As many slots as Ray Serve gives the replica.

    It counts calls as well, but lets go of one that was cancelled whose thread goes on: the slots
    that such threads keep are counted here.
    """

    def __init__(self) -> None:
        self.max_queued = -1  # whoever waits here has been taken already
        self.shutdown_s = 20.0

    @property
    def max_ongoing(self) -> int:  # type: ignore[override]
        """Asked for each call: it may change while the replica lives."""
        return max_ongoing_requests()


class _Loop:
    """The loop that Ray Serve runs user code on, as routers want it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    @property
    def here(self) -> bool:
        return engine_thread.loop is self.loop


class Host:
    """The class of all Serve deployments that graphnb makes.

    Args:
        payload: what to run.
        children: the other deployments of the application; Ray Serve deploys what it finds in
            init args.
    """

    # Ray Serve awaits it.
    async def __init__(  # type: ignore[misc]
        self, payload: Payload, children: Any = ()
    ) -> None:
        from ray import serve

        stand_in()
        note_print_times()
        loop = asyncio.get_running_loop()
        mark_engine_thread(loop)
        self._loop = loop
        multiplex.tell_models(tell_models)
        context = serve.get_replica_context()
        self._payload = payload
        self._name = payload.deployment
        self._app_name = context.app_name
        self._serve_name = context.deployment
        self._callees: dict[str, RemoteCallee] = {}
        self._versions: dict[int, HostVersion] = {}
        self._reporter = Reporter(payload.collector)
        self._router: TravellingRouter[HostVersion] = TravellingRouter(
            self._app_name, _Loop(loop), self._reporter, pack_to_travel
        )
        self._own = ReplicaSet(self._name, lambda: payload.where, _SlotsOfServe(), pack_to_travel)
        self._taken = 0  # calls from other processes that have not ended
        self._user_config: Any = None
        self._is_new = True
        self._stash = Stash()
        self._door = Door(self, self._takes, self._has_room)
        if payload.wiring is not None:
            self._install(payload.wiring)
        await self._start(payload, context.replica_tag)

    async def _start(self, payload: Payload, replica_id: str) -> None:
        starter = ReplicaStarter(self._app_name, self._router, adopt_replica)
        try:
            func_or_class, args, kwargs = self._definition(payload)
            binding = DeploymentBinding(func_or_class, where=lambda: payload.where)
            replica = await starter.start(self._name, binding, (args, kwargs), replica_id)
        except Exception as error:  # noqa: BLE001  told to whoever deploys
            original = error.__cause__ or error
            self._reporter.start_failed(payload, original)
            raise original from None
        self._own.replicas = [replica]
        self._replica = replica
        with contextlib.suppress(OSError):  # else calls come by Ray Serve
            await self._door.open(get_node_ip_address())  # type: ignore[no-untyped-call]
        be_present(self)
        self._reporter.started(self._serve_name)
        if replica.checks_health:
            self.check_health = replica.check_health

    def _definition(self, payload: Payload) -> Any:
        """The class or function, and its init args; what is imported brings its wiring along."""
        if payload.import_path is None:
            return unship(payload.definition)
        graph = imported_graph(payload.import_path)
        self._install(wiring_within(graph, self._name))
        binding = graph.deployments[self._name]
        return binding.func_or_class, binding.args, binding.kwargs

    # What Ray Serve calls.

    async def reconfigure(self, user_config: Any) -> None:
        """Takes over a wiring, and gives the user's own configuration to the instance."""
        is_first, self._is_new = self._is_new, False
        wiring, own = wiring_of(user_config)
        # Ray Serve tells late: whoever deploys may have told of a later version meanwhile, and
        # takes one back that failed in the same way.
        if wiring is not None and not (self._versions and wiring.number < self._current.number):
            self._install(wiring)
        if own is None or own == self._user_config:
            return
        try:
            await self._replica.reconfigure(own_copy(own))
        except Exception as error:
            told = await self._reporter.tell_failed(self._payload, error, "reconfigure")
            if is_first or not told:
                raise
            # Ray Serve would replace the replica. Whoever deploys takes the change back instead,
            # and what is half taken over is configured once more.
            self._user_config = None
        else:
            self._user_config = own

    async def graphnb_call(self, header: Header, *parts: Packed) -> Reply | Ticket:
        """A call from another host, or from a notebook."""
        return await self._answer(header, parts, MAX_MESSAGE)

    async def _answer(self, header: Header, parts: Sequence[Packed], most: int) -> Reply | Ticket:
        request = self._request(header)
        version: HostVersion = request.version
        version.enter(request)
        self._taken += 1
        try:
            packed = await within_deadline(
                self._own.call(
                    *_call_of(header, parts, request),
                    pack=partial(pack_or_store, over=header.hold)
                    if header.hold and not header.notes
                    else None,
                ),
                request,
            )
        except asyncio.CancelledError:
            await request.give_up()
            raise
        except BaseException as error:
            await request.give_up()
            raise self._failure(error, request) from error
        finally:
            request.close_streams()
            version.leave(request)
            self._taken -= 1
            self._door.freed()
        reply = Reply(packed, said_of(request.spans or ()), _notes(request))
        size = packed_size(packed) + sum(map(note_size, reply.notes))
        if size > most and not header.by_reference:
            return self._stash.keep(reply, size)
        return reply

    async def graphnb_answer(self, header: Header, parts: Sequence[Packed]) -> Reply | Ticket:
        """A call that came in by the door; what fails is logged, as Ray Serve logs its calls."""
        try:
            return await self._answer(header, parts, MAX_BY_LINE)
        except Exception as error:
            cause = error.__cause__ or error
            with logged_as(header.request_id):
                said = type(cause), cause, user_traceback(cause)
                logger.error("Request failed.", exc_info=said)  # noqa: TRY400  the user's part of it
            if isinstance(error, RemoteFailure):
                raise
            raise RemoteFailure(type(error).__name__, pack_error(error), ()) from error

    async def graphnb_stream(self, header: Header, *parts: Packed) -> AsyncIterator[Any]:
        """A call of a generator: its items, after a word that it is made."""
        request = self._request(header)
        version: HostVersion = request.version
        version.enter(request)
        self._taken += 1
        source = None
        try:
            source = await within_deadline(
                self._own.open_stream(*_call_of(header, parts, request)), request
            )
            yield None
            while True:
                try:
                    item = await within_deadline(source.next_item(), request)
                except StopAsyncIteration:
                    break
                size = packed_size(item)
                large = size > MAX_MESSAGE and not header.by_reference
                yield self._stash.keep(item, size) if large else item
            yield Trailer(said_of(request.spans or ()))
        except (asyncio.CancelledError, GeneratorExit):
            raise
        except BaseException as error:
            await request.give_up()
            raise self._failure(error, request) from error
        finally:
            if source is not None:
                source.close()
            request.close_streams()
            version.leave(request)
            self._taken -= 1
            self._door.freed()

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """HTTP from Ray Serve's proxy; or a call by a handle of plain Ray Serve."""
        if is_http(args, kwargs):
            current = self._current
            return HttpAnswer(self._router, current.wiring.http, self._app_name, current.number)
        instance = self._replica.instance
        alone = not callable(instance) and hasattr(instance, "predict")
        answer = self._plain_method("predict" if alone else "__call__")(*args, **kwargs)
        return await answer if inspect.iscoroutine(answer) else answer

    def __getattr__(self, name: str) -> Any:
        """The user's methods, for handles of plain Ray Serve."""
        if name.startswith("__") or "_replica" not in self.__dict__:
            raise AttributeError(name)
        instance = self._replica.instance
        if name in _HOOKS:
            return getattr(instance, name)
        if name.startswith("_") or not callable(getattr(instance, name, None)):
            raise AttributeError(f"{self._name} has no method {name!r}")
        return self._plain_method(name)

    async def __del__(self) -> None:
        replica = self.__dict__.get("_replica")
        if replica is not None:
            await self._door.close()  # Ray Serve has waited for the calls that it knows of
            await replica.close()
        await asyncio.to_thread(self._reporter.close)

    # What its process is asked beside requests.

    def graphnb_state(self) -> HostState:
        """What it is at; from any thread."""
        calling = {one.name: one.outstanding for one in tuple(self._callees.values())}
        versions = tuple(self._versions.items())
        busy = frozenset(number for number, one in versions if one.requests)
        own = self._own
        return HostState(own.ongoing, own.queued, self._taken, calling, busy)

    def graphnb_prepare(self, serve_names: Mapping[str, str]) -> None:
        """Gets to know deployments that it will call, as soon as the loop comes to it."""

        def open_all() -> None:
            for name, serve_name in serve_names.items():
                self._callee(name, serve_name)

        self._loop.call_soon_threadsafe(open_all)

    def graphnb_door(self) -> Address | None:
        """Where calls may come in that do not come by Ray Serve."""
        return self._door.address if takes_direct_calls() and not encrypts() else None

    def graphnb_rewire(self, wiring: Wiring) -> bool:
        """Takes over a wiring, as soon as the loop comes to it; whether it has."""
        if self._current.wiring == wiring:
            return True
        self._loop.call_soon_threadsafe(self._install, wiring)
        return False

    def graphnb_end(self, *, at_once: bool) -> bool:
        """Takes no more requests from outside; whether none is under way."""
        self._router.current = None
        busy = [one for one in tuple(self._versions.values()) if one.requests]
        if at_once:
            for one in busy:
                self._loop.call_soon_threadsafe(one.cancel)
        return not busy

    def graphnb_take(self, number: int) -> Any:
        """Gives away what a `Ticket` stands for."""
        return self._stash.take(number)

    def graphnb_hand_over(self) -> bool:
        """Sends what is known of requests that ended; whether all has arrived."""
        return self._reporter.hurry()

    # Inside.

    def _takes(self, header: Header) -> bool:
        """Whether a call may come in by the door; not if it is of a version that is not known here.

        The root gets to know each: one that does not is about to be replaced.
        """
        current = self._current
        knows = header.version <= current.number or current.wiring.root != self._name
        return knows and takes_direct_calls()

    def _has_room(self, coming: int) -> bool:
        """Whether there is a slot for one call more, where so many are about to take one."""
        own = self._own
        return own.ongoing + coming < own.limits.max_ongoing and not own.queued

    @property
    def _current(self) -> HostVersion:
        return next(reversed(self._versions.values()))

    def _install(self, wiring: Wiring) -> None:
        """Makes that version the current one; the last ones stay for requests under way.

        It may be an earlier one: what a failed update had told already is taken back.
        """
        kept = self._versions.get(wiring.number)
        self._reporter.transport.clear()  # other code has other values
        if kept is None or kept.wiring != wiring:
            kept = self._version(wiring)
        self._versions.pop(wiring.number, None)  # the current one is the last
        self._router.current = self._versions[wiring.number] = kept
        for number in [one for one in self._versions if one > wiring.number]:
            del self._versions[number]  # an update that failed
        for number in list(self._versions)[:-_KEPT_VERSIONS]:
            if not self._versions[number].requests:
                del self._versions[number]
        called = {
            id(one) for version in self._versions.values() for one in version.callees.values()
        }
        for serve_name, one in list(self._callees.items()):
            if id(one) not in called and not one.outstanding:
                del self._callees[serve_name]

    def _version(self, wiring: Wiring) -> HostVersion:
        schedules = unship(wiring.schedules) if wiring.schedules is not None else {}
        callees: dict[str, Any] = {
            name: self._callee(name, serve_name) for name, serve_name in wiring.callees.items()
        }
        callees[self._name] = self._own
        return HostVersion(wiring, callees, schedules, self._router)

    def _callee(self, name: str, serve_name: str) -> RemoteCallee:
        found = self._callees.get(serve_name)
        if found is None:
            found = RemoteCallee(name, serve_name, self._app_name)
            found.open()
            self._callees[serve_name] = found
        return found

    def _request(self, header: Header) -> TravellingRequest:
        request = TravellingRequest(
            self._version_of(header.version),
            request_id=header.request_id,
            timeout_s=header.left_s,
            record=header.record,
            values=[] if header.notes else None,
            patience=header.patience / 2,
            number=header.version,
        )
        # Span ids of many processes meet in one trace; 52 bits are exact in JSON, too.
        request.last_span = random.getrandbits(40) << 12
        return request

    def _version_of(self, number: int) -> HostVersion:
        """What answers requests of that version of the graph: the last wiring up to it."""
        found = self._versions.get(number)
        if found is not None:
            return found
        earlier = [one for one in self._versions if one < number]
        return self._versions[max(earlier)] if earlier else self._current

    def _failure(self, error: BaseException, request: Request) -> RemoteFailure:
        text = _line_of(error)
        spans = said_of(request.spans or ())
        late = request.limit is not None and request.limit.over
        return RemoteFailure(text, pack_error(error), spans, _notes(request), late)

    def _plain_method(self, method: str) -> Any:
        """A method of the instance as handles of plain Ray Serve call it."""
        streams = self._replica.method(method).kind.endswith("stream")

        def handle() -> Handle:
            from ray import serve

            model_id = serve.get_multiplexed_model_id()
            options = CallOptions(method=method, stream=streams, model_id=model_id)
            return Handle(self._router, DeploymentTarget(self._name), options)

        async def call(*args: Any, **kwargs: Any) -> Any:
            return await handle().remote(*args, **kwargs)

        async def stream(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            async for item in handle().remote(*args, **kwargs):
                yield item

        made = stream if streams else call
        made.__name__ = method
        return made


def _line_of(error: BaseException) -> str:
    """An error in a line, whatever it is made of; cut where it is long."""
    try:
        text = str(error.message) if isinstance(error, GraphnbError) else repr(error)
    except Exception:  # noqa: BLE001  the user's own `__repr__` may raise anything
        text = type(error).__name__
    return text[:_MAX_TEXT]


def _call_of(header: Header, parts: Sequence[Packed], request: Request) -> _Call:
    """What the replica is asked, as `Callee.call` takes it."""
    method, call, after, model_id = header.method, header.call, header.after, header.model_id
    return method, load_message, Message(parts, header.shape), request, None, call, after, model_id


def _notes(request: Request) -> Any:
    if request.values is None:
        return ()
    from graphnb.rayserve.notes import packed_notes

    return packed_notes(request.values)
