"""A call that a handle was asked for, on its way to a replica or a graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphnb.engine.arguments import Message, Shape
from graphnb.engine.request_input import request_input
from graphnb.engine.response import Response
from graphnb.engine.values import Pack, Packed, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graphnb.engine.arguments import Arguments
    from graphnb.engine.handle import CallOptions, Target


class OutgoingCall:
    """What a handle was asked for, with its arguments packed."""

    __slots__ = ("_pack", "args", "kwargs", "method", "model_id", "target", "waits")

    def __init__(
        self,
        target: Target,
        options: CallOptions,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        pack: Pack = pack,
    ) -> None:
        self._pack = pack
        self.target = target
        self.method = options.method
        self.model_id = options.model_id
        self.args = _packed(args, pack)
        self.kwargs = _packed_named(kwargs, pack) if kwargs else {}
        self.waits = Response in map(type, args) or Response in map(type, kwargs.values())

    async def settle(self) -> None:
        """Waits for the responses among the arguments."""
        self.waits = False
        self.args = [await self._settled(one) for one in self.args]
        self.kwargs = {name: await self._settled(one) for name, one in self.kwargs.items()}

    async def _settled(self, one: Any) -> Packed:
        return self._pack(await one, what="an argument") if isinstance(one, Response) else one

    def input(self) -> Packed:
        """The arguments as the input of a graph."""
        if len(self.args) == 1 and not self.kwargs:
            return self.args[0]
        args, kwargs = load_outgoing(self)
        return self._pack(request_input(tuple(args), kwargs), what="the input")


class LoadOutgoing:
    """The arguments of an `OutgoingCall`."""

    __slots__ = ()

    def __call__(self, call: OutgoingCall) -> Arguments:
        named = {name: unpack(one) for name, one in call.kwargs.items()}
        return [unpack(one) for one in call.args], named

    def message(self, call: OutgoingCall) -> Message:
        if not call.kwargs:
            return Message(call.args, None)
        count = len(call.args)
        named = {name: count + index for index, name in enumerate(call.kwargs)}
        return Message([*call.args, *call.kwargs.values()], Shape(tuple(range(count)), named))


load_outgoing = LoadOutgoing()


def _packed(args: tuple[Any, ...], pack: Pack) -> list[Packed]:
    return [one if isinstance(one, Response) else pack(one, what="an argument") for one in args]


def _packed_named(kwargs: Mapping[str, Any], pack: Pack) -> dict[str, Packed]:
    return {
        name: one if isinstance(one, Response) else pack(one, what=f"argument {name!r}")
        for name, one in kwargs.items()
    }
