"""Brings a plan about: all of it, or the cluster is put back to what it was.

The configuration of a cluster is one document of all its applications. It is read right before it
is written, and read again after: whoever else wrote meanwhile is noticed, by both.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphnb.errors import ClusterError, PromoteError
from graphnb.promote.bundle.secrets import masked
from graphnb.promote.golden import Golden, Mismatch, mismatches
from graphnb.promote.release.plan import check_holds, config_of
from graphnb.promote.release.store import store_of
from graphnb.rayserve.promoted import RELEASES
from graphnb.rayserve.rest import trusted
from graphnb.rayserve.this_machine import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from graphnb.promote.release.package import Package
    from graphnb.promote.release.plan import Plan
    from graphnb.promote.release.target import Target
    from graphnb.rayserve.rest import LiveApplication, LiveCluster, ServeRest

__all__ = ["Rolled", "Rollout"]

_POLL_S = 0.25
_AWAY_S = 90.0  # for so long the dashboard may be away while it rolls out
_RECOVERS_S = 20.0  # for so long requests may fail when a replica has died
_TIMEOUT_S = 900.0
_FAILED = frozenset({"DEPLOY_FAILED", "UNHEALTHY"})
_MOST_SAID = 3_000


@dataclass(frozen=True, slots=True)
class Rolled:
    """What was rolled out.

    Attributes:
        url: where the application answers.
        golden: how many golden requests got their answers there.
        seconds: from the upload to the first answer.
    """

    url: str
    golden: int
    seconds: float


class Rollout:
    """One promotion under way.

    Args:
        rest: the connection to the cluster.
        target: what it is called, and where it answers.
        progress: is told what it is at.
        timeout_s: seconds until a rollout that does not end counts as failed.
    """

    def __init__(
        self,
        rest: ServeRest,
        target: Target,
        progress: Callable[[str], None],
        *,
        timeout_s: float = _TIMEOUT_S,
    ) -> None:
        self._rest = rest
        self._target = target
        self._progress = progress
        self._timeout_s = timeout_s

    def upload(self, package: Package, plan: Plan) -> None:
        """Puts the package where the plan has it, if it is needed and not there.

        Raises:
            PromoteError: it is too large for that place, or cannot be written there.
        """
        for uri in plan.release.all_packages:
            store = store_of(uri, self._rest)
            if uri.endswith(f"/{package.name}") and not store.has(uri):
                size = package.file.stat().st_size
                self._progress(f"sending {size / 1e6:.1f} MB to {self._target.name}")
                store.put(uri, package)

    def apply(self, plan: Plan, golden: Sequence[Golden], *, ray: str) -> Rolled:
        """Does what a plan says, and nothing else.

        Raises:
            PromoteError: the cluster has moved on since, or what is new does not run: then what
                ran before runs again.
        """
        began = time.monotonic()
        live = self._rest.cluster()
        check_holds(plan, live, self._target, ray=ray)
        config = config_of(plan, live, self._target, ray=ray)
        before = live.configs.get(plan.application)
        self._check_packages(config)
        live = self._rest.cluster()  # right before it is written: packages may have taken a while
        check_holds(plan, live, self._target, ray=ray)
        try:
            self._put_surely(plan.application, config, live)
            self._watch(plan.application, config)
            url = self._url(plan.release.route_prefix)
            found = self._answer_in_a_while(plan.application, config, url, golden)
            if found:
                raise PromoteError(self._masked("\n".join(map(str, found))))
        except BaseException as error:
            self._take_back(plan.application, config, before, error)
            raise
        return Rolled(url, len(golden), time.monotonic() - began)

    def _masked(self, text: str) -> str:
        """What the cluster says, without the values that replicas are given from here."""
        return masked(text, self._target.env_values.values())

    def _check_packages(self, config: Mapping[str, Any]) -> None:
        """Raises PromoteError if a package that is needed is gone; keeps the others."""
        for uri in packages_in(config):
            if not store_of(uri, self._rest).has(uri):
                raise PromoteError(
                    f"{uri}, which {config['name']} needs, is no longer there",
                    hint="promote the bundle of that release again",
                )

    def _put(self, name: str, config: Mapping[str, Any] | None, live: LiveCluster) -> None:
        configs = dict(live.configs)
        configs.pop(name, None)
        if config is not None:
            configs[name] = config
        self._rest.configure(live.settings, configs)

    def _put_surely(self, name: str, config: Mapping[str, Any], live: LiveCluster) -> None:
        """As `_put`; where the answer is lost, the cluster is asked whether it took it."""
        try:
            self._put(name, config, live)
        except ClusterError as error:
            if not error.unreachable:
                raise
            found = self._cluster_in_a_while().applications.get(name)
            if found is None or attempt_of(found.config) != attempt_of(config):
                raise

    def _watch(
        self, name: str, config: Mapping[str, Any], *, failed: frozenset[str] = _FAILED
    ) -> None:
        """Waits until the application runs as configured.

        Args:
            name: the application's.
            config: as it was configured.
            failed: states that end the wait; what is unhealthy for a while may recover.

        Raises:
            PromoteError: it does not, somebody else has configured it, or it takes too long.
        """
        until = time.monotonic() + self._timeout_s
        while time.monotonic() < until:
            found = self._cluster_in_a_while().applications.get(name)
            if found is None or attempt_of(found.config) != attempt_of(config):
                raise PromoteError(
                    f"somebody else has configured {name} on {self._target.name} meanwhile",
                    hint="look at what runs there: graphnb status --to " + self._target.name,
                )
            self._progress(f"rolling out: {_state(found)}")
            if found.status in failed:
                said = self._masked(_reason(found))
                raise PromoteError(
                    f"{name} does not run on {self._target.name}: {said}", hint=self._hint(said)
                )
            if found.status == "RUNNING" and _is_settled(found):
                return
            time.sleep(_POLL_S)
        raise PromoteError(
            f"{name} did not run on {self._target.name} within {self._timeout_s:g} s:"
            f" {_state(found) if found is not None else 'it is not there'}",
            hint="new replicas start before old ones go: where there is no room for both, give the"
            " deployment max_surge_percent=0",
        )

    def _hint(self, said: str) -> str | None:
        """What helps where a library is missing there; None if it is something else."""
        if "ModuleNotFoundError" not in said and "No module named" not in said:
            return None
        image = "start its nodes from an image that has them (the bundle's Dockerfile)"
        if self._target.install:
            return f"see that requirements.txt of the bundle names it, or {image}"
        return (
            f"nodes lack a library: have replicas install what the bundle requires (install = true"
            f" in the settings of {self._target.name}), or {image}"
        )

    def _cluster_in_a_while(self) -> LiveCluster:
        """What runs there; a dashboard that is away for a while is waited for."""
        until = time.monotonic() + _AWAY_S
        while True:
            try:
                return self._rest.cluster()
            except ClusterError as error:
                if not error.unreachable or time.monotonic() > until:
                    raise
                self._progress(f"waiting for {self._target.name}, which does not answer")
                time.sleep(_POLL_S)

    def _answer_in_a_while(
        self, name: str, config: Mapping[str, Any], url: str, golden: Sequence[Golden]
    ) -> list[Mismatch]:
        """As `_answer`; where a replica has died meanwhile, its successor is waited for."""
        until = time.monotonic() + _RECOVERS_S
        found = self._answer(url, golden)
        while found and all(one.broken for one in found) and time.monotonic() < until:
            time.sleep(_POLL_S)  # the cluster may not know of it yet
            self._watch(name, config, failed=frozenset({"DEPLOY_FAILED"}))
            found = self._answer(url, golden)
        return found

    def _answer(self, url: str, golden: Sequence[Golden]) -> list[Mismatch]:
        """Sends golden requests; those that are not answered as they should be."""
        import httpx

        if not golden:
            return []
        self._progress("sending golden requests")
        own = is_loopback(url)
        verify = trusted(self._target.ca_file)
        with httpx.Client(trust_env=not own, timeout=60, verify=verify) as client:
            return list(mismatches(client, url, golden))

    def _take_back(
        self,
        name: str,
        config: Mapping[str, Any],
        before: Mapping[str, Any] | None,
        error: BaseException,
    ) -> None:
        """Puts back what ran before; notes on the error what came of it."""
        try:
            live = self._cluster_in_a_while()
            found = live.applications.get(name)
            if found is None or attempt_of(found.config) != attempt_of(config):
                return  # it is somebody else's by now
            self._progress("putting back what ran before")
            self._put(name, before, live)
            if before is not None:
                self._watch(name, before)
            said = "what ran before runs again" if before else "nothing of it is left there"
        except (ClusterError, PromoteError) as failed:
            said = f"and it could not be taken back: {failed.message}"
        if isinstance(error, PromoteError):
            error.message = f"{error.message}\n{said}"
        else:
            error.add_note(said)

    def _url(self, prefix: str) -> str:
        if self._target.url is not None:
            return self._target.url.rstrip("/") + prefix.rstrip("/")
        from urllib.parse import urlsplit

        http = self._rest.cluster().http
        host = urlsplit(self._target.address).hostname or "127.0.0.1"
        scheme = "https" if http.get("ssl_certfile") else "http"
        return f"{scheme}://{host}:{http.get('port', 8000)}{prefix.rstrip('/')}"


def packages_in(config: Mapping[str, Any]) -> list[str]:
    """All packages that an application's configuration refers to."""
    found = {str((config.get("runtime_env") or {}).get("working_dir", ""))}
    for one in config["deployments"]:
        own = (one.get("ray_actor_options") or {}).get("runtime_env") or {}
        found |= {str(own.get("working_dir", "")), *own.get("py_modules", ())}
    return sorted(found - {""})


def attempt_of(config: Mapping[str, Any]) -> Any:
    """What tells one configuration of an application from another: its history."""
    found = [one for one in config.get("deployments") or () if one.get("name") == RELEASES]
    return found[0].get("user_config") if found else None


def _state(found: LiveApplication) -> str:
    """How each deployment is, in a line."""
    parts = []
    for name, one in found.deployments.items():
        if name != RELEASES:
            ready = sum(each.get("state") == "RUNNING" for each in one.get("replicas", ()))
            state = str(one.get("status", "")).lower()
            parts.append(f"{name} {ready}/{one.get('target_num_replicas', '?')} {state}".rstrip())
    return ", ".join(parts) or found.status.lower()


def _is_settled(found: LiveApplication) -> bool:
    return all(one.get("status") == "HEALTHY" for one in found.deployments.values())


def _reason(found: LiveApplication) -> str:
    """The user's own error, as far as Ray Serve tells it."""
    failed = [
        f"{name}: {one.get('message', '')}"
        for name, one in found.deployments.items()
        if one.get("status") in _FAILED and one.get("message")
    ]
    return ("\n".join(failed) or found.message or found.status)[-_MOST_SAID:]
