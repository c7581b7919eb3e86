"""What replicas install before they start: what a bundle requires, by `pip` on their node.

Ray installs an equal list once on each node, and starts replicas from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from graphnb.errors import PromoteError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from graphnb.promote.bundle import Bundle

__all__ = ["required_by", "with_requirements"]

_FILE = "requirements.txt"
_THERE = frozenset({"ray", "graphnb"})  # the cluster's own, and in the package
_OTHERS = ("conda", "uv", "image_uri", "container")  # Ray takes one of these, or pip


def required_by(bundle: Bundle) -> list[str]:
    """What replicas of a bundle have to install, as `pip` takes it."""
    lines = (bundle.folder / _FILE).read_text("utf-8").splitlines()
    return [one for one in lines if one and not one.startswith(("#", ".")) and not _is_there(one)]


def _is_there(line: str) -> bool:
    return _name(line) in _THERE


def with_requirements(
    deployment: str, runtime_env: Mapping[str, Any], required: Sequence[str]
) -> dict[str, Any]:
    """A runtime environment that installs what is required as well.

    What it has in its own list counts: a library is installed once.

    Args:
        deployment: whose it is.
        runtime_env: its own.
        required: what the bundle requires.

    Raises:
        PromoteError: it is made by something that does not go with `pip`.
    """
    if not required:
        return dict(runtime_env)
    other = next((one for one in _OTHERS if runtime_env.get(one)), None)
    if other is not None:
        raise PromoteError(
            f"{deployment} has {other!r} in its runtime_env, and the target installs by pip: Ray"
            " takes one of them",
            hint=f"take {other!r} from its options, or `install` from the target's settings",
        )
    own: Any = runtime_env.get("pip") or []
    settings = own if isinstance(own, dict) else {"packages": own}
    packages = list(settings.get("packages", ()))
    names = {_name(one) for one in packages}
    packages += [one for one in required if _name(one) not in names]
    pip = {**settings, "packages": packages} if isinstance(own, dict) else packages
    return {**runtime_env, "pip": pip}


def _name(requirement: str) -> str:
    """Of the library; that of an option or an address is itself."""
    try:
        return canonicalize_name(Requirement(requirement).name)
    except InvalidRequirement:
        return requirement
