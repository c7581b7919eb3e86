"""What a promotion would change on a cluster, deployment by deployment, before it changes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from graphnb.errors import PromoteError
from graphnb.promote.release.changes import Change, Kind, changes_between, differ
from graphnb.promote.release.desired import application_config, next_release
from graphnb.promote.release.history import Release, history_of
from graphnb.promote.release.installing import required_by

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graphnb.promote.bundle import Bundle
    from graphnb.promote.release.target import Target
    from graphnb.rayserve.rest import LiveApplication, LiveCluster

__all__ = ["Plan", "check_holds", "make_plan", "plan_from_json", "plan_to_json"]

PLAN_VERSION = 1
_SURGES_FROM = (2, 60)

_SIGNS: dict[Kind, str] = {
    "added": "+", "removed": "-", "changed in place": "~", "restarted": "!", "unchanged": "=",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """A promotion before it happens.

    Attributes:
        target: what the target is called.
        address: of its dashboard.
        application: the name of the application there.
        release: what is to run.
        before: what runs there now, by its id; None if nothing does.
        changes: one of each deployment.
        others: the other applications there, which stay as they are.
        notes: what else there is to know.
        cluster: a hash of what the cluster is told to run: a plan holds for that alone.
        rerouted: whether it answers elsewhere afterwards.
    """

    target: str
    address: str
    application: str
    release: Release
    before: str | None
    changes: tuple[Change, ...]
    others: tuple[str, ...]
    notes: tuple[str, ...]
    cluster: str
    rerouted: bool = False

    def __bool__(self) -> bool:
        return self.rerouted or any(one.kind != "unchanged" for one in self.changes)

    def __str__(self) -> str:
        head = f"{self.application}, release {self.release.id} -> {self.target} ({self.address})"
        if self.before is not None:
            head += f"; release {self.before} runs there"
        width = max((len(one.name) for one in self.changes), default=0)
        lines = [
            f"  {_SIGNS[one.kind]} {one.name:<{width}}  {one.kind}{_because(one)}"
            for one in self.changes
        ]
        if self.others:
            lines.append(f"  untouched: {', '.join(self.others)}")
        return "\n".join([head, *lines, *(f"  {one}" for one in self.notes)])


def _because(change: Change) -> str:
    return f": {', '.join(change.reasons)}" if change.reasons else ""


def make_plan(
    bundle: Bundle,
    package: str,
    target: Target,
    live: LiveCluster,
    *,
    name: str,
    ray: str,
) -> Plan:
    """Compares a bundle with what runs on a cluster.

    Args:
        bundle: what is to run.
        package: the URI of its package.
        target: the cluster.
        live: what runs there.
        name: what the application is to be called there.
        ray: the version of Ray there.

    Raises:
        PromoteError: an application of that name is there, and is not graphnb's to change; or the
            route is taken.
    """
    known = known_releases(live.applications.get(name), target)
    before = known[-1] if known else None
    entry = bundle.config["applications"][0]
    prefix = target.route_prefix or entry["route_prefix"]
    release = next_release(
        bundle,
        package,
        before,
        route_prefix=prefix,
        requirements=required_by(bundle) if target.install else (),
        at=now(),
    )
    return plan_of(release, target, live, name=name, ray=ray)


def now() -> str:
    """The time, in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def plan_of(release: Release, target: Target, live: LiveCluster, *, name: str, ray: str) -> Plan:
    """Compares a release with what runs on a cluster.

    Args:
        release: what is to run.
        target: the cluster.
        live: what runs there.
        name: of the application.
        ray: the version of Ray there.

    Raises:
        PromoteError: as `make_plan`.
    """
    there = live.applications.get(name)
    known = known_releases(there, target)
    before = known[-1] if known else None
    _check_route(release.route_prefix, name, live)
    config = application_config(
        name, release, known, environment=target.env_values, surges=surges(ray)
    )
    return Plan(
        target=target.name,
        address=target.address,
        application=name,
        release=release,
        before=before.id if before else None,
        changes=changes_between(release, before, config, there.config if there is not None else {}),
        others=tuple(sorted(_staying(live).keys() - {name})),
        notes=_notes(release, before, there, ray),
        cluster=fingerprint(live),
        rerouted=bool(known) and _route_there(there) != release.route_prefix,
    )


def check_holds(plan: Plan, live: LiveCluster, target: Target, *, ray: str) -> None:
    """Raises PromoteError if a plan no longer says what would happen.

    Args:
        plan: as it was made.
        live: what runs on the cluster now.
        target: the cluster.
        ray: the version of Ray there.
    """
    if plan.address != target.address:
        raise PromoteError(
            f"the plan is for {plan.address}, and {target.name} is {target.address}",
            hint="make the plan again",
        )
    if fingerprint(live) != plan.cluster:
        raise PromoteError(
            f"{target.name} has changed since the plan was made",
            hint="make the plan again, and look at what it says now",
        )
    now_planned = plan_of(plan.release, target, live, name=plan.application, ray=ray)
    if now_planned.changes != plan.changes:
        raise PromoteError(
            f"on {target.name} something else would change than the plan says: the settings of the"
            " target, or values that it gives replicas, are others than when it was made",
            hint="make the plan again, and look at what it says now",
        )


def known_releases(there: LiveApplication | None, target: Target) -> list[Release]:
    """What was released of an application; none if it is not there.

    Raises:
        PromoteError: it is there, and was not promoted by graphnb.
    """
    if there is None or there.status == "DELETING":
        return []
    known = history_of(there.config)
    if there.source != "declarative" or known is None:
        how = "by configuration" if there.source == "declarative" else "by code"
        raise PromoteError(
            f"an application {there.name!r} runs on {target.name} that graphnb did not promote: it"
            f" came {how}, and is left alone",
            hint="choose another name (--as in a notebook, --name on the command line), or end that"
            " application first",
        )
    return known


def _check_route(prefix: str, name: str, live: LiveCluster) -> None:
    for other in live.applications.values():
        if other.name != name and other.route_prefix == prefix:
            raise PromoteError(
                f"the route {prefix} is taken there, by the application {other.name}",
                hint=f'set route_prefix in the settings of the target: "/{name}"',
            )


def is_edited(config: Mapping[str, Any], release: Release, *, ray: str) -> bool:
    """Whether an application is configured otherwise than its last release was."""
    name = str(config.get("name", ""))
    wanted = application_config(name, release, [], environment={}, surges=surges(ray))
    return differ(wanted, config)


def _notes(
    release: Release, before: Release | None, there: LiveApplication | None, ray: str
) -> tuple[str, ...]:
    notes = []
    if there is not None and there.status not in ("RUNNING", "DELETING"):
        notes.append(f"note: the application is {there.status} now")
    if before is not None and not surges(ray):
        notes.append(
            f"note: Ray {ray} ends a replica before its successor is there: what has one replica"
            " makes requests wait meanwhile"
        )
    if before is not None and _route_there(there) != release.route_prefix:
        notes.append(f"~ the route changes: {_route_there(there)} -> {release.route_prefix}")
    return tuple(notes)


def _route_there(there: LiveApplication | None) -> str | None:
    return None if there is None else there.route_prefix


def surges(ray: str) -> bool:
    """Whether that version of Ray can start new replicas before it ends old ones."""
    parts = tuple(int(one) for one in ray.split(".")[:2] if one.isdecimal())
    return parts >= _SURGES_FROM


def fingerprint(live: LiveCluster) -> str:
    """A hash of what a cluster is told to run."""
    said = {name: one.config or one.source for name, one in _staying(live).items()}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _staying(live: LiveCluster) -> dict[str, LiveApplication]:
    """The applications but for those that are ending."""
    return {name: one for name, one in live.applications.items() if one.status != "DELETING"}


def config_of(plan: Plan, live: LiveCluster, target: Target, *, ray: str) -> dict[str, Any]:
    """The configuration of the application that a plan wants."""
    known = known_releases(live.applications.get(plan.application), target)
    return application_config(
        plan.application,
        plan.release,
        known,
        environment=target.env_values,
        surges=surges(ray),
    )


def plan_to_json(plan: Plan) -> str:
    """A plan as text; no value of the environment is in it."""
    return json.dumps({"version": PLAN_VERSION, **asdict(plan)}, indent=1) + "\n"


def plan_from_json(text: str) -> Plan:
    """What `plan_to_json` made.

    Raises:
        PromoteError: it is no plan, or of another version.
    """
    try:
        said: Mapping[str, Any] = json.loads(text)
        version = said["version"]
        if version != PLAN_VERSION:
            raise PromoteError(f"the plan has version {version}: make it again")
        fields = {key: one for key, one in said.items() if key != "version"}
        fields["release"] = Release(**fields["release"])
        changes = [{**one, "reasons": tuple(one["reasons"])} for one in fields["changes"]]
        fields["changes"] = tuple(Change(**one) for one in changes)
        for key in ("others", "notes"):
            fields[key] = tuple(fields[key])
        return Plan(**fields)
    except (ValueError, LookupError, TypeError) as error:
        raise PromoteError(f"this is no plan of a promotion: {error}") from error
