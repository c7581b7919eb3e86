"""A graph of three deployments and a driver, promoted to a Ray cluster of three nodes.

The cluster is on this machine, in processes of its own, with token authentication, and reached by
REST alone; Ray Serve runs there already. From upload to the first answer: a package that is not
there yet is sent, the application is configured, and a request is sent until it is answered. Beside
it stands `serve deploy` with the same package, uploaded likewise, and the same configuration under
another name; the sides take turns. The edit is a promotion in which one deployment changed, while
three clients send requests all the time. Extraction is of a notebook of 200 cells of
some 30 lines, all of which the graph needs.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from graphnb.ipython.cells import Cell
from graphnb.ipython.exporting import export_source
from graphnb.promote.bundle import Bundle
from graphnb.promote.extract import extract
from graphnb.promote.promotion import apply_plan, plan_promotion
from graphnb.promote.prove import prove
from graphnb.promote.release.package import packed
from graphnb.promote.release.plan import config_of
from graphnb.promote.release.target import Target
from graphnb.rayserve.rest import ServeRest
from tests.benchmarks.rows import Bar, Row, at_most, at_most_times, duration
from tests.benchmarks.timing import clock
from tests.cluster.cluster import Cluster
from tests.cluster.load import Load

ROUNDS = 3
RATIO_BAR = 1.2
PLAN_BAR = 2.0
EXTRACT_BAR = 1.0
CELLS = 200
TOKEN = "PROMOTING_TOKEN"
ANSWER_S = 120.0

GRAPH = """
from graphnb import InputNode, serve

@serve.deployment
def double(x):
    return 2 * x

@serve.deployment
class Add:
    def __init__(self, more):
        self.more = more

    def run(self, x):
        return x + self.more

@serve.deployment
def shown(x):
    return {{"answer": x, "number": {number}}}

with InputNode() as request:
    answer = shown.bind(Add.bind({constant}).run.bind(double.bind(request)))
"""


def measure() -> Sequence[Row]:
    """Promotions, plans, edits under load, and extraction."""
    with tempfile.TemporaryDirectory() as folder, _cluster(Path(folder)) as cluster:
        os.environ[TOKEN] = cluster.token
        pairs = [_pair(cluster, Path(folder), number) for number in range(ROUNDS)]
        ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(one / other for one, other in pairs)
        plans, proofs, load = _edits(cluster, Path(folder))
    extraction = statistics.median(_extraction() for _ in range(5))
    failed = len(load.failures)
    sent = failed + len(load.answers)
    return [
        Row(
            "from upload to the first answer; beside it `serve deploy`",
            duration(ours),
            duration(theirs),
            f"{ratio:.2f}×",
            bars=(at_most_times(ratio, RATIO_BAR),),
        ),
        Row("planning", duration(plans), bars=(at_most(plans, PLAN_BAR),)),
        Row("proof, in a clean process", duration(proofs)),
        Row(
            f"failed requests while an edit is promoted {ROUNDS} times, of {sent:,}",
            str(failed),
            bars=(Bar("0", f"missed by {failed}" if failed else ""),),
        ),
        Row(
            f"extraction of {CELLS} cells",
            duration(extraction),
            bars=(at_most(extraction, EXTRACT_BAR),),
        ),
    ]


@contextmanager
def _cluster(folder: Path) -> Iterator[Cluster]:
    cluster = Cluster(folder / "c")
    try:
        with cluster.client() as client:
            config = {"http_options": {"host": "127.0.0.1", "port": cluster.http_port}}
            client.put(
                "/api/serve/applications/", json={**config, "applications": []}
            ).raise_for_status()
        yield cluster
    finally:
        cluster.close()


def _bundle(folder: Path, number: int, constant: int) -> Bundle:
    where = folder / f"{number}-{constant}"
    where.mkdir()
    (where / "steps.py").write_text(GRAPH.format(number=number, constant=constant))
    before = Path.cwd()
    os.chdir(where)
    sys.path.insert(0, str(where))
    try:
        return export_source(
            "steps:answer", where / "bundle",
            name="steps", root=None, venv=False, progress=_quiet,
        ).bundle  # fmt: skip
    finally:
        os.chdir(before)
        sys.path.remove(str(where))


def _pair(cluster: Cluster, folder: Path, number: int) -> tuple[float, float]:
    """Seconds of a promotion, and of `serve deploy`; whoever is first takes turns."""
    sides = {"graphnb": _promoted, "serve": _deployed}
    order = sorted(sides, reverse=bool(number % 2))
    found = {name: sides[name](cluster, folder, number) for name in order}
    _end(cluster)
    return found["graphnb"], found["serve"]


def _target(cluster: Cluster, route: str) -> Target:
    return Target("there", cluster.dashboard, token_env=TOKEN, route_prefix=route)


def _promoted(cluster: Cluster, folder: Path, number: int) -> float:
    bundle = _bundle(folder, number, 1)
    target = _target(cluster, "/ours")
    plan = plan_promotion(bundle, target, name="ours", progress=_quiet)
    began = clock()
    apply_plan(plan, bundle, target, progress=_quiet)
    _first_answer(cluster, "/ours", number)
    return clock() - began


def _deployed(cluster: Cluster, folder: Path, number: int) -> float:
    bundle = _bundle(folder, number, 2)
    target = _target(cluster, "/theirs")
    plan = plan_promotion(bundle, target, name="theirs", progress=_quiet)
    with ServeRest(target.address, token=target.token) as rest, packed(bundle) as package:
        live = rest.cluster()
        entry = config_of(plan, live, target, ray=rest.version())
        config = {**live.settings, "applications": [*live.configs.values(), entry]}
        file = folder / f"serve-{number}.yaml"
        file.write_text(yaml.safe_dump(config))
        began = clock()
        rest.upload(package.name, package.file)
        rest.keep_package(package.name)
        subprocess.run(
            [Path(sys.executable).with_name("serve"), "deploy", "-a", cluster.dashboard, file],
            env={**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": cluster.token},
            check=True,
            capture_output=True,
        )
        _first_answer(cluster, "/theirs", number)
        return clock() - began


def _first_answer(cluster: Cluster, route: str, number: int) -> None:
    until = time.monotonic() + ANSWER_S
    with httpx.Client(trust_env=False, timeout=ANSWER_S) as client:
        while time.monotonic() < until:
            response = client.post(f"{cluster.http}{route}", json=4)
            if response.status_code == 200 and response.json()["number"] == number:
                return
            time.sleep(0.02)
    raise TimeoutError(route)


def _end(cluster: Cluster) -> None:
    """Ends all applications, and waits until they are gone."""
    with cluster.client() as client:
        path = "/api/serve/applications/"
        settings = {"http_options": {"host": "127.0.0.1", "port": cluster.http_port}}
        client.put(path, json={**settings, "applications": []}).raise_for_status()
        until = time.monotonic() + ANSWER_S
        while client.get(path).json()["applications"]:
            if time.monotonic() > until:
                raise TimeoutError("the applications did not end")
            time.sleep(0.1)


def _edits(cluster: Cluster, folder: Path) -> tuple[float, float, Load]:
    """Seconds of a plan and of a proof, and what became of requests meanwhile."""
    target = _target(cluster, "/edited")
    first = _bundle(folder, 100, 3)
    apply_plan(
        plan_promotion(first, target, name="edited", progress=_quiet),
        first, target, progress=_quiet,
    )  # fmt: skip
    load = Load()
    load.start(f"{cluster.http}/edited", 4)
    plans, proofs = [], []
    try:
        for number in range(ROUNDS):
            bundle = _bundle(folder, 101 + number, 3)
            began = clock()
            plan = plan_promotion(bundle, target, name="edited", progress=_quiet)
            plans.append(clock() - began)
            apply_plan(plan, bundle, target, progress=_quiet)
            proofs.append(prove(bundle).seconds)
    finally:
        load.stop()
    return statistics.median(plans), statistics.median(proofs), load


CELL = """
# Step {n}: what it takes, and how it is done.
import math
from collections import defaultdict

LIMIT_{n} = {n}
NAMES_{n} = [f"name {{one}}" for one in range(LIMIT_{n} % 7)]
table_{n} = defaultdict(list, {{"start": NAMES_{n}}})
table_{n}["end"] = [LIMIT_{n}]


class Step{n}(Step{before}):
    "One step of many."

    limit: int = LIMIT_{n}

    def __init__(self, more: dict[str, int] | None = None) -> None:
        super().__init__(more)
        self.names = [one for one in NAMES_{n} if one not in table_{n}]

    def run(self, x: float) -> float:
        try:
            if x > self.limit and (found := math.floor(x)) > 0:
                return found + {before_value}
        except ValueError as error:
            raise RuntimeError(f"step {n}: {{error}}") from error
        return super().run(x) + sum(one for one in table_{n}["end"])


print(Step{n}().run({n}))
unused_{n} = {{key: value for key, value in table_{n}.items()}}
"""
FIRST = """
from graphnb import InputNode, serve


class Step0:
    def __init__(self, more=None):
        self.more = more

    def run(self, x):
        return x
"""
LAST = """
@serve.deployment
def run(x):
    return Step{n}().run(x)


with InputNode() as request:
    answer = run.bind(request)
"""


def _extraction() -> float:
    texts = [FIRST]
    for n in range(1, CELLS - 1):
        value = f"LIMIT_{n - 1}" if n > 1 else "0"
        texts.append(CELL.format(n=n, before=n - 1, before_value=value))
    texts.append(LAST.format(n=CELLS - 2))
    cells = [Cell(f"c{n}", n, text, text) for n, text in enumerate(texts, 1)]
    began = clock()
    found = extract(cells, "answer")
    taken = clock() - began
    assert f"class Step{CELLS - 2}" in found.text
    assert "unused_5" not in found.text
    assert not found.errors
    return taken


def _quiet(_stage: Any) -> None:
    """Progress that nobody looks at."""
