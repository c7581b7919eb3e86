"""What the replicas of an application printed and logged: those that run, and those that ended.

Ray keeps a record of each actor, also of one that died or could not start, and each machine has
the files of the processes that ran there. Files of this machine are read as they are; those of
another by a small task there. So a replica that is busy, stuck or dead needs to answer nothing.
"""

from __future__ import annotations

import contextlib
import re
import time
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphnb.errors import NotRunningError
from graphnb.rayserve.collector import collector_name
from graphnb.rayserve.log_files import read_printed, read_records, worker_files
from graphnb.rayserve.private import known_actors, logs_folder
from graphnb.telemetry.logs import LogLine, NodeLogs, printed_nothing, together

if TYPE_CHECKING:
    from collections.abc import Sequence

_PREFIX = "SERVE_REPLICA::"
_MAX_ENDED = 20
_PATIENCE_S = 15.0  # for machines that are asked


@dataclass(frozen=True, slots=True)
class Replica:
    """One replica, of which Ray has a record.

    Attributes:
        deployment: Ray Serve's name of its deployment.
        id: Ray Serve's own, such as "1a2b3c4d".
        machine: Ray's id of the machine that it is on.
        pid: its process's number there.
        actor: what its files call it.
        ended: when it ended, in seconds since the epoch; 0 while it runs.
        cause: why, where it was not ended on purpose; else "".
    """

    deployment: str
    id: str
    machine: str
    pid: int
    actor: str
    ended: float = 0.0
    cause: str = ""

    @property
    def node(self) -> str:
        """The graph's name of the deployment: of an edited one, Ray Serve's has a number."""
        return re.sub(r"~\d+$", "", self.deployment)


def read_logs(
    app_name: str,
    node: str | None,
    *,
    names: Sequence[str] = (),
    lines: int,
    everything: bool = False,
) -> NodeLogs:
    """What the replicas of an application printed and logged, since it was first deployed.

    Args:
        app_name: the application's.
        node: one node of it; None for all.
        names: of the nodes that run.
        lines: how many, at the most; each replica gets its share.
        everything: also what Ray and Ray Serve say of themselves and of each call.

    Raises:
        NotRunningError: no such node ever ran; or nothing did.
    """
    replicas = replicas_ever(app_name)
    known = list(dict.fromkeys([*names, *(one.node for one in replicas)]))
    if not known:
        raise NotRunningError("running graph", app_name, [])
    if node is not None and node not in known:
        raise NotRunningError("node", node, known)
    nodes = tuple(known) if node is None else (node,)
    mine = [one for one in replicas if one.node in nodes]
    found = together(_read_everywhere(mine, lines, everything=everything), lines)
    return NodeLogs(found, nodes, printed_nothing(nodes))


def replicas_ever(app_name: str) -> list[Replica]:
    """The replicas of an application, in the order in which they ended; last those that run.

    Without those that ended before the application was deployed for the first time: they belong
    to another that had its name.
    """
    records = known_actors()
    mine = [one for one in records if one["Name"].startswith(f"{_PREFIX}{app_name}#")]
    since = max(
        (one["StartTime"] for one in records if one["Name"] == collector_name(app_name)), default=0
    )
    running = [one for one in mine if not one["EndTime"]]
    ended = [one for one in mine if one["EndTime"] >= since and one["EndTime"]]
    ended.sort(key=lambda one: one["EndTime"])
    return [_replica(one, app_name) for one in (*ended[-_MAX_ENDED:], *running) if one["Pid"] > 0]


def _replica(record: dict[str, Any], app_name: str) -> Replica:
    rest = record["Name"].removeprefix(f"{_PREFIX}{app_name}#")
    deployment, _, own_id = rest.rpartition("#")
    return Replica(
        deployment,
        own_id,
        record["Address"]["NodeID"],
        record["Pid"],
        f"ServeReplica:{app_name}:{deployment}",
        record["EndTime"] / 1000,
        _cause(record.get("DeathCause")),
    )


def _cause(death: Any) -> str:
    """Why an actor died, in Ray's words; "" of one that Ray Serve ended."""
    if death is None:
        return ""
    with contextlib.suppress(AttributeError, ValueError):  # of another version of Ray
        if death.HasField("oom_context"):
            return _one_line(death.oom_context.error_message)
        context = death.actor_died_error_context
        reason = type(context).Reason.Name(context.reason)
        if reason in ("WORKER_DIED", "NODE_DIED"):
            return _one_line(context.error_message)
    return ""


def _one_line(text: str) -> str:
    """Ray's account of a death, without what it may have been as well."""
    said = " ".join(text.split()).partition(" Some common causes include")[0]
    return said.removeprefix("The actor is dead because its worker process has died. ")


# Reading.


def _read_everywhere(
    replicas: Sequence[Replica], lines: int, *, everything: bool
) -> list[list[LogLine]]:
    """The last lines of each file, from whichever machine it is on."""
    import ray

    elsewhere: dict[str, list[Replica]] = {}
    for one in replicas:
        if not _is_here(one.machine):
            elsewhere.setdefault(one.machine, []).append(one)
    asked = [
        (_asked(machine, ones, lines, everything=everything), ones)
        for machine, ones in elsewhere.items()
    ]
    mine = [one for one in replicas if _is_here(one.machine)]
    found = read_here(mine, lines, everything=everything)
    until = time.monotonic() + _PATIENCE_S
    for reference, ones in asked:
        try:
            if reference is None:
                raise TimeoutError("it has left the cluster")
            found += ray.get(reference, timeout=max(0.0, until - time.monotonic()))
        except (ray.exceptions.RayError, TimeoutError) as error:
            said = _one_line(str(error)).partition(". ")[0]
            found += [[_said(one, f"its machine does not tell: {said}")] for one in ones]
    return found


def _asked(machine: str, replicas: Sequence[Replica], lines: int, *, everything: bool) -> Any:
    """The task that reads files on another machine; None when that is gone."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    nodes: Any = ray.nodes
    if machine not in {one["NodeID"] for one in nodes() if one["Alive"]}:
        return None
    there = NodeAffinitySchedulingStrategy(machine, soft=False)
    remote: Any = ray.remote
    read = remote(num_cpus=0, max_retries=0, scheduling_strategy=there)(read_here)
    return read.remote(replicas, lines, everything=everything)


def _is_here(machine: str) -> bool:
    import ray

    found: str = ray.get_runtime_context().get_node_id()
    return machine == found


def read_here(replicas: Sequence[Replica], lines: int, *, everything: bool) -> list[list[LogLine]]:
    """The last lines of each file of these replicas, which are on this machine."""
    folder = Path(logs_folder())
    found: list[list[LogLine]] = []
    for one in replicas:
        try:
            found += _read_replica(one, folder, lines, everything=everything)
        except OSError as error:
            found.append([_said(one, f"its files cannot be read: {error}")])
    return found


def _read_replica(
    replica_: Replica, folder: Path, lines: int, *, everything: bool
) -> list[list[LogLine]]:
    """What one printed, and what it logged beside its stderr."""
    out, err = worker_files(folder, replica_.pid, replica_.actor)
    printed = [] if out is None else read_printed(out, "out", lines, everything=everything)
    beside = [] if err is None else read_printed(err, "err", lines, everything=everything)
    for file in (folder / "serve").glob(f"replica_*_{replica_.id}.log"):
        beside += read_records(file, beside, lines, everything=everything)
    beside.sort(key=lambda line: line.at)
    if replica_.ended and (replica_.cause or printed or beside):
        beside.append(_said(replica_, _ending(replica_)))
    return [
        [replace(line, node=replica_.node, replica=replica_.id) for line in source]
        for source in (printed, beside)
        if source
    ]


def _ending(replica_: Replica) -> str:
    at = datetime.fromtimestamp(replica_.ended).astimezone()
    return (
        f"died at {at:%H:%M:%S}: {replica_.cause}" if replica_.cause else f"ended at {at:%H:%M:%S}"
    )


def _said(replica_: Replica, text: str) -> LogLine:
    at = replica_.ended or datetime.now().astimezone().timestamp()
    return LogLine(text, "end", at, node=replica_.node, replica=replica_.id)
