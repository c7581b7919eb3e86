"""A promotion from end to end: a bundle to a cluster, and back again."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphnb.errors import PromoteError
from graphnb.promote.golden import Golden
from graphnb.promote.release.desired import again
from graphnb.promote.release.history import history_of
from graphnb.promote.release.package import packed
from graphnb.promote.release.plan import (
    Plan,
    check_holds,
    is_edited,
    known_releases,
    make_plan,
    now,
    plan_of,
)
from graphnb.promote.release.rollout import Rolled, Rollout
from graphnb.rayserve.rest import ServeRest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from graphnb.promote.bundle import Bundle
    from graphnb.promote.release.history import Release
    from graphnb.promote.release.target import Target

__all__ = [
    "Promotion",
    "Standing",
    "apply_plan",
    "plan_promotion",
    "promote",
    "releases",
    "rollback",
    "standings",
]


@dataclass(frozen=True, slots=True)
class Promotion:
    """A promotion that was done, or had nothing to do.

    Attributes:
        plan: what was to change.
        rolled: where it answers; None if there was nothing to do.
    """

    plan: Plan
    rolled: Rolled | None

    def __str__(self) -> str:
        if self.rolled is None:
            what = "this release" if self.plan.before == self.plan.release.id else "the same code"
            return f"{self.plan}\n  nothing to do: {what} runs there"
        answered = f", {self.rolled.golden} golden requests answered" if self.rolled.golden else ""
        return f"{self.plan}\n  runs at {self.rolled.url} ({self.rolled.seconds:.1f} s{answered})"


@dataclass(frozen=True, slots=True)
class Standing:
    """How an application on a cluster is.

    Attributes:
        name: the application's.
        status: in Ray Serve's words.
        release: what graphnb promoted last; None if it did not promote it.
        edited: whether somebody has configured it otherwise since.
        owned: whether it is in the target's namespace; all are in none.
    """

    name: str
    status: str
    release: Release | None
    edited: bool
    owned: bool = True

    def __str__(self) -> str:
        if not self.owned:
            return f"{self.name}  {self.status}  of another namespace"
        if self.release is None:
            return f"{self.name}  {self.status}  not promoted by graphnb"
        since = "; its configuration was edited there since" if self.edited else ""
        return f"{self.name}  {self.status}  release {self.release.id} of {self.release.at}{since}"


@contextmanager
def _connected(target: Target) -> Iterator[ServeRest]:
    target.check_safe()
    with ServeRest(target.address, token=target.token, ca=target.ca_file) as rest:
        yield rest


def plan_promotion(
    bundle: Bundle, target: Target, *, name: str, progress: Callable[[str], None]
) -> Plan:
    """What a promotion would change; nothing is sent.

    Raises:
        PromoteError: the cluster cannot be reached, or something stands in the way.
    """
    with _connected(target) as rest, packed(bundle) as package:
        progress(f"asking {target.name} what runs there")
        uri, name = target.package_uri(package.name), target.application(name)
        return make_plan(bundle, uri, target, rest.cluster(), name=name, ray=rest.version())


def promote(
    bundle: Bundle, target: Target, *, name: str, progress: Callable[[str], None]
) -> Promotion:
    """Plans a promotion, and does it.

    Raises:
        PromoteError: something stands in the way, or it did not run there; what ran before does.
    """
    plan = plan_promotion(bundle, target, name=name, progress=progress)
    return apply_plan(plan, bundle, target, progress=progress)


def apply_plan(
    plan: Plan, bundle: Bundle, target: Target, *, progress: Callable[[str], None]
) -> Promotion:
    """Does what a plan says.

    Raises:
        PromoteError: the bundle or the cluster is not the plan's, or it did not run there; what ran
            before does.
    """
    if bundle.release != plan.release.id:
        raise PromoteError(
            f"the plan is for release {plan.release.id}, and the bundle is {bundle.release}",
            hint="make the plan again",
        )
    if not plan:
        with _connected(target) as rest:
            check_holds(plan, rest.cluster(), target, ray=rest.version())
        return Promotion(plan, None)
    golden = [Golden.from_json(one) for one in bundle.golden]
    with _connected(target) as rest, packed(bundle) as package:
        rollout = Rollout(rest, target, progress)
        rollout.upload(package, plan)
        progress(f"telling {target.name} what to run")
        return Promotion(plan, rollout.apply(plan, golden, ray=rest.version()))


def releases(target: Target, name: str) -> list[Release]:
    """What was released of an application, oldest first; the last one runs.

    Raises:
        PromoteError: the cluster cannot be reached, or the application is not graphnb's.
    """
    name = target.application(name)
    with _connected(target) as rest:
        found = known_releases(rest.cluster().applications.get(name), target)
    if not found:
        raise PromoteError(f"no application {name!r} runs on {target.name}")
    return found


def standings(target: Target) -> list[Standing]:
    """How each application on a cluster is, by name; those of other namespaces last.

    Raises:
        PromoteError: the cluster cannot be reached.
    """
    with _connected(target) as rest:
        live, ray = rest.cluster(), rest.version()
    found = []
    for name, one in sorted(live.applications.items()):
        known = history_of(one.config) or []
        release = known[-1] if known else None
        edited = release is not None and is_edited(one.config, release, ray=ray)
        found.append(Standing(name, one.status, release, edited, target.owns(name)))
    return sorted(found, key=lambda one: not one.owned)


def rollback(
    target: Target, name: str, *, to: str | None = None, progress: Callable[[str], None]
) -> Promotion:
    """Has an earlier release run again.

    Args:
        target: the cluster.
        name: of the application.
        to: the release's id; the one before that which runs when None.
        progress: is told what it is at.

    Raises:
        PromoteError: there is no such release, or it did not run; what ran before does.
    """
    name = target.application(name)
    known = releases(target, name)
    earlier = [one for one in known[:-1] if to is None or one.id == to]
    if not earlier:
        listed = ", ".join(dict.fromkeys(one.id for one in known[:-1])) or "none"
        raise PromoteError(
            f"{name} has no earlier release{f' {to}' if to else ''} on {target.name}",
            hint=f"there are: {listed}",
        )
    with _connected(target) as rest:
        ray = rest.version()
        release = again(earlier[-1], now())
        plan = plan_of(release, target, rest.cluster(), name=name, ray=ray)
        if not plan:
            return Promotion(plan, None)
        return Promotion(plan, Rollout(rest, target, progress).apply(plan, [], ray=ray))
