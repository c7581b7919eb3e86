"""How an instance of a deployment comes to life in this process."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from graphnb.authoring import DeploymentBinding, GraphMarker, HandleMarker
from graphnb.authoring.walk import replace_leaves
from graphnb.engine.handle import CallOptions, DeploymentTarget, GraphTarget, Handle, Router
from graphnb.engine.replica import Replica
from graphnb.engine.tracebacks import user_traceback
from graphnb.engine.values import Packed, pack, unpack
from graphnb.errors import DeployError, NotSerializableError
from graphnb.graph import rules

InitArgs = tuple[tuple[Packed, ...], Mapping[str, Packed]]
Adopt = Callable[[Replica], Awaitable[None]]
"""Makes what decorators left on an instance its own."""

_numbers = itertools.count()


def pack_init_args(binding: DeploymentBinding, name: str) -> InitArgs:
    """The init args of a deployment, serialized once for all its replicas.

    Raises:
        GraphError: GN114, one of them cannot be serialized.
    """
    args = [_pack_init(one, name, f"argument {index}") for index, one in enumerate(binding.args)]
    kwargs = {
        key: _pack_init(one, name, f"argument {key!r}") for key, one in binding.kwargs.items()
    }
    return tuple(args), kwargs


class ReplicaStarter:
    """Makes replicas of one application's deployments.

    Args:
        app_name: the name of the running graph.
        router: where the handles in init args bring their calls.
        adopt: is given each instance before its first call.
    """

    def __init__(self, app_name: str, router: Router, adopt: Adopt) -> None:
        self._app_name = app_name
        self._router = router
        self._adopt = adopt

    async def start(
        self,
        name: str,
        binding: DeploymentBinding,
        init_args: InitArgs,
        replica_id: str | None = None,
    ) -> Replica:
        """Starts one replica: `__init__`, then `reconfigure` where there is a `user_config`.

        Raises:
            DeployError: user code raised; the original error is its cause.
        """
        replica = Replica(self._app_name, name, replica_id or f"{name}#{next(_numbers)}")
        args, kwargs = init_args
        user_config = binding.options.get("user_config")
        try:
            await replica.start(
                binding.func_or_class,
                tuple(self._live(one, name) for one in args),
                {key: self._live(one, name) for key, one in kwargs.items()},
            )
            await self._adopt(replica)
            if user_config is not None:
                await replica.reconfigure(own_copy(user_config))
        except Exception as error:
            await replica.close()
            raise start_error(binding, name, error) from error
        return replica

    def _live(self, packed: Packed, owner: str) -> Any:
        """An init argument with handles where markers stand."""

        def live(leaf: Any, _place: str) -> Any:
            if isinstance(leaf, HandleMarker):
                return Handle(self._router, DeploymentTarget(leaf.deployment), CallOptions())
            if isinstance(leaf, GraphMarker):
                target = GraphTarget(owner, leaf.graph, leaf.streams)
                return Handle(self._router, target, CallOptions())
            return leaf

        return replace_leaves(unpack(packed), live)


def own_copy(user_config: Any) -> Any:
    """The configuration for one replica, which may change what it is given."""
    return unpack(pack(user_config, what="the user_config"))


def start_error(
    binding: DeploymentBinding, name: str, error: Exception, doing: str = "start"
) -> DeployError:
    """What is told of a deployment whose code raised before it could answer."""
    cell = binding.where()
    where = f" ({cell})" if cell else ""
    made = DeployError(
        f"{name}{where} could not {doing}: {type(error).__name__}: {error}", deployment=name
    )
    error.with_traceback(user_traceback(error))
    # The same frames, so that a debugger stands where user code failed.
    return made.with_traceback(error.__traceback__)


def _pack_init(value: Any, name: str, what: str) -> Packed:
    try:
        return pack(value, what=what, node=name)
    except NotSerializableError as error:
        raise rules.NOT_SERIALIZABLE.error(error.message, node=name) from error
