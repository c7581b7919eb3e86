"""Calls of deployments in other processes: by lines, or by Ray Serve's handles."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from graphnb.engine.remote_errors import unpack_error
from graphnb.engine.request import NodeValues, clock
from graphnb.engine.values import Packed, packed_size
from graphnb.errors import (
    BackPressureError,
    NodeError,
    RequestCancelledError,
    RequestError,
)
from graphnb.rayserve.edge import Edge, Held
from graphnb.rayserve.failures import ReplicaGoneError, failure_of
from graphnb.rayserve.here import take
from graphnb.rayserve.lines import lines_of
from graphnb.rayserve.notes import Place, noted_values
from graphnb.rayserve.private import ask_replica, calling, handle_here
from graphnb.rayserve.remote_spans import RemoteSpan
from graphnb.rayserve.stash import MAX_BY_LINE, MAX_MESSAGE, Ticket
from graphnb.rayserve.travelling import TravellingRequest
from graphnb.rayserve.wire import (
    CALL,
    STREAM,
    Header,
    RemoteFailure,
    Reply,
    Stored,
    Trailer,
)

if TYPE_CHECKING:
    from graphnb.engine.arguments import Load
    from graphnb.engine.request import Request
    from graphnb.rayserve.lines import Lines
    from graphnb.rayserve.remote_spans import Said
    from graphnb.telemetry.spans import Outcome

_new = tuple.__new__


class RemoteCallee:
    """A deployment whose replicas are elsewhere (a `Callee`).

    Args:
        name: what the graph calls it.
        serve_name: what Ray Serve calls it.
        app_name: of the application.
    """

    def __init__(self, name: str, serve_name: str, app_name: str) -> None:
        self.name = name
        self._place = serve_name, app_name
        self._handle: Any = None  # kept, since the lines end with it
        self._unary: Any = None
        self._lines: Lines | None = None
        self._unary_by_reference: Any = None
        self._stream: Any = None
        self._stream_by_reference: Any = None
        self._edges: dict[str, Edge] = {}
        self.outstanding = 0  # calls under way

    def open(self) -> None:
        """Gets to know its replicas, on the loop that will call them; else the first call does."""
        if self._unary is not None:
            return
        handle = self._handle = handle_here(*self._place)
        self._stream = calling(handle, STREAM, stream=True)
        self._stream_by_reference = calling(handle, STREAM, stream=True, by_reference=True)
        self._unary_by_reference = calling(handle, CALL, by_reference=True)
        self._unary = calling(handle, CALL)
        self._lines = lines_of(handle)

    @property
    def by_line(self) -> bool:
        """Whether its calls go by lines, as far as is known."""
        return self._lines is not None and self._lines.complete

    def edge(self, call: str) -> Edge:
        """How results of that call node travel on; what was seen of them outlasts the version."""
        found = self._edges.get(call)
        if found is None:
            found = self._edges[call] = Edge(self)
        return found

    async def call(  # noqa: C901, PLR0912, PLR0913, PLR0915  the way of every request, in one piece
        self,
        method: str,
        load: Load,
        kept: Any,
        request: Request,
        parent: int | None,
        call: str | None,
        after: tuple[str, ...],
        model_id: str,
        *,
        by_reference: bool = False,
        hold: int = 0,
    ) -> Packed:
        """One call, from the packed arguments to the packed result; notes it as a span.

        Args:
            method, load, kept, request, parent, call, after, model_id: as in `Callee.call`.
            by_reference: whether the result is expected to be large.
            hold: bytes above which a result by reference may stay where it is, as a `Held`.
        """
        assert isinstance(request, TravellingRequest)
        began = clock()
        span_id = request.last_span = request.last_span + 1
        node = call or f"{self.name}.{method}"
        request.open_calls[span_id] = node
        self.outstanding += 1
        said: Said = ()
        outcome: Outcome = "error"
        size = 0
        response = None
        held = False
        noted: list[Any] = []
        place: NodeValues | None = None
        if request.values is not None:  # in the order in which calls began, whoever answers first
            place = Place(node, (), {})
            request.values.append(place)
        try:
            parts, shape = load.message(kept)
            held = any(type(one) is Held for one in parts)
            size_in = sum(map(packed_size, parts))
            by_reference = by_reference or held or size_in > MAX_BY_LINE
            ways = by_reference, hold if by_reference else 0
            header = self._header(request, began, (method, call, after, model_id), ways, shape)
            if self._unary is None:
                self.open()
            request.away.add(span_id)
            reply: Reply | Ticket | None = None
            if self._lines is not None and not model_id:
                if by_reference:
                    self._lines.look()  # `by_line` is asked next time
                else:
                    reply = await self._lines.call(header, parts)
            if reply is None:
                if size_in > MAX_MESSAGE and not by_reference:
                    by_reference, header = True, header._replace(by_reference=True)
                target = self._unary_by_reference if by_reference else self._unary
                if model_id:
                    target = target.options(multiplexed_model_id=model_id)
                if held:
                    parts = [one.ref if type(one) is Held else one for one in parts]
                response = target.remote(header, *parts)
                reply = await response
            if type(reply) is Ticket:
                reply = await ask_replica(reply.replica, take, reply.number)
            assert type(reply) is Reply
            said = reply.spans
            packed = reply.packed
            if type(packed) is Stored:
                size, packed = packed.size, Held(packed.ref, packed.size)
            else:
                size = packed_size(packed)
            noted = noted_values(reply.notes)
            outcome = "ok"
            return packed
        except asyncio.CancelledError:
            outcome = "cancelled"
            if response is not None:
                response.cancel()
            if place is not None and not held:  # nobody else will tell of it
                args, kwargs = load(kept)
                noted = [NodeValues(node, tuple(args), dict(kwargs))]
            raise
        except BaseException as error:  # noqa: BLE001  raised again, as graphnb says it
            failure = failure_of(error, self.name)
            late = False
            if isinstance(failure, RemoteFailure):
                said, noted = failure.spans, noted_values(failure.notes)
                late, failure = failure.late, unpack_error(failure.error)
            outcome, told = self._told(failure, node, request)
            if late:
                outcome = "cancelled"
                await _time_is_up(request, told)
            told.__suppress_context__ = True  # what Ray made of it
            raise told  # noqa: B904  it keeps the cause that it came with
        finally:
            del request.open_calls[span_id]
            request.away.discard(span_id)
            self.outstanding -= 1
            if place is not None and request.values is not None:
                at = next(at for at, one in enumerate(request.values) if one is place)
                request.values[at : at + 1] = noted
            if request.spans is not None:
                start, total = began - request.started, clock() - began
                what = span_id, parent, self.name, call, method, start, total, outcome, size, after
                request.spans.append(_new(RemoteSpan, (*what, said)))

    def _header(
        self,
        request: TravellingRequest,
        now: float,
        what: tuple[str, str | None, tuple[str, ...], str],
        ways: tuple[bool, int],
        shape: Any,
    ) -> Header:
        return _new(
            Header,
            (
                request.request_id,
                request.version.number if request.number is None else request.number,
                self.name,
                *what,
                None if request.deadline is None else request.deadline - now,
                request.patience,
                request.spans is not None,
                request.values is not None,
                *ways,
                shape,
            ),
        )

    def _told(
        self, error: BaseException, node: str, request: Request
    ) -> tuple[Outcome, BaseException]:
        """How the call ended, and what its caller is told."""
        if isinstance(error, BackPressureError):
            error.node = error.node or node
            error.request_id = error.request_id or request.request_id
            return "rejected", error
        if isinstance(error, ReplicaGoneError) and request.version.ending:
            error = RequestCancelledError(
                f"{self.name} has ended", node=self.name, request_id=request.request_id
            )
        if isinstance(error, RequestCancelledError):
            return "cancelled", error
        if isinstance(error, RequestError):
            return "error", error
        from graphnb.engine.node_errors import node_error

        return "error", node_error(error, node=node, request_id=request.request_id)

    async def open_stream(
        self,
        method: str,
        load: Load,
        kept: Any,
        request: Request,
        parent: int | None,
        call: str | None,
        after: tuple[str, ...],
        model_id: str,
    ) -> RemoteStream:
        """Calls a generator; its items come as they are made."""
        assert isinstance(request, TravellingRequest)
        began = clock()
        parts, shape = load.message(kept)
        held = any(type(one) is Held for one in parts)
        large = held or sum(map(packed_size, parts)) > MAX_MESSAGE
        header = self._header(request, began, (method, call, after, model_id), (large, 0), shape)
        self.open()
        target = self._stream_by_reference if large else self._stream
        if model_id:
            target = target.options(multiplexed_model_id=model_id)
        if held:
            parts = [one.ref if type(one) is Held else one for one in parts]
        stream = RemoteStream(
            self, target.remote(header, *parts), request, (parent, call, method, after), began
        )
        await stream.begin()
        return stream


class RemoteStream:
    """The items of a generator in another process (an `ItemSource`)."""

    def __init__(
        self,
        owner: RemoteCallee,
        response: Any,
        request: TravellingRequest,
        labels: tuple[int | None, str | None, str, tuple[str, ...]],
        began: float,
    ) -> None:
        self._owner = owner
        self._response = response
        self._request = request
        self._labels = labels
        self._began = began
        self._span_id = request.next_span()
        self._size = 0
        self._ended = False
        self._node = labels[1] or f"{owner.name}.{labels[2]}"
        owner.outstanding += 1
        request.open_calls[self._span_id] = self._node
        request.away.add(self._span_id)
        request.streams.add(self)

    async def begin(self) -> None:
        """Waits until the generator is made; an error while it is made is raised here."""
        await self._next()  # the host says so

    async def next_item(self) -> Packed:
        """The next item; StopAsyncIteration at the end, and when it was given up."""
        if self._ended:
            raise StopAsyncIteration
        item = await self._next()
        if type(item) is Trailer:
            self._end("ok", item.spans)
            raise StopAsyncIteration
        if type(item) is Ticket:
            item = await ask_replica(item.replica, take, item.number)
        self._size += packed_size(item)
        return item

    async def _next(self) -> Any:
        try:
            return await anext(self._response)
        except asyncio.CancelledError:
            if self._ended:  # given up by somebody else, not by who waits here
                raise StopAsyncIteration from None
            self.close()
            raise
        except StopAsyncIteration:
            self._end("error", ())
            raise NodeError(f"the stream of {self._node} broke off", node=self._node) from None
        except BaseException as error:  # noqa: BLE001  as above
            if self._ended:  # it was given up meanwhile: nobody is there to be told
                raise StopAsyncIteration from None
            failure = failure_of(error, self._owner.name)
            said: Said = ()
            late = False
            if isinstance(failure, RemoteFailure):
                said, late = failure.spans, failure.late
                failure = unpack_error(failure.error)
            outcome, told = self._owner._told(failure, self._node, self._request)
            self._end("cancelled" if late else outcome, said)
            if late:
                await _time_is_up(self._request, told)
            told.__suppress_context__ = True  # what Ray made of it
            raise told  # noqa: B904  it keeps the cause that it came with

    def close(self) -> None:
        """Nobody reads any more: ends the generator."""
        if not self._ended:
            self._end("cancelled", ())
            self._response.cancel()

    def _end(self, outcome: Outcome, said: Said) -> None:
        if self._ended:
            return
        self._ended = True
        self._owner.outstanding -= 1
        del self._request.open_calls[self._span_id]
        self._request.away.discard(self._span_id)
        self._request.streams.discard(self)
        if self._request.spans is not None:
            parent, call, method, after = self._labels
            self._request.spans.append(
                RemoteSpan(
                    span_id=self._span_id,
                    parent_id=parent,
                    deployment=self._owner.name,
                    call=call,
                    method=method,
                    start_s=self._began - self._request.started,
                    total_s=clock() - self._began,
                    outcome=outcome,
                    size=self._size,
                    after=after,
                    said=said,
                )
            )


async def _time_is_up(request: TravellingRequest, told: BaseException) -> None:
    """Ends all that is done for a request here: its deadline has passed, as a callee says.

    Returns only where nobody keeps the deadline, as in a task that user code left behind.
    """
    if request.limit is not None:
        request.limit.end(getattr(told, "node", None))
        await asyncio.sleep(request.patience)
