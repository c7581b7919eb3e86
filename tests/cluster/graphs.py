"""The graph that is promoted, in several versions, and asked."""

import httpx

GRAPH = """
import os
from graphnb import DAGDriver, InputNode, serve


@serve.deployment
class First:
    def __init__(self):
        self.pid = os.getpid()

    def run(self, x):
        return [["first", 1, self.pid], x]


@serve.deployment
class Second:
    def __init__(self):
        self.pid = os.getpid()

    def run(self, before):
        return {"first": before[0], "second": ["second", 1, self.pid], "x": before[1]}


with InputNode() as request:
    answer = Second.bind().run.bind(First.bind().run.bind(request))"""
# It answers the same whatever process does.
STEADY = GRAPH.replace(", self.pid]", "]")
EDITED = GRAPH.replace('["second", 1,', '["second", 2,')
# It would pass its proof: it fails where Ray has started it, and is tried once.
RAISES = """class Second:
    def __init__(self):
        if "RAY_RAYLET_PID" in os.environ:
            raise ValueError("no such model")
"""
BROKEN = EDITED.replace(
    "@serve.deployment\nclass Second:\n    def __init__(self):\n",
    f"@serve.deployment(max_constructor_retry_count=1)\n{RAISES}",
)

# A cell of a notebook, whose graph has a model that was trained there.
LEARNED = """
%%deploy learned
from sklearn.linear_model import LinearRegression
model = LinearRegression().fit([[0.0], [1.0]], [1.0, 3.0])

@serve.deployment
def guess(x):
    return round(float(model.predict([[x]])[0]), 6)

with InputNode() as request:
    guessed = guess.bind(request)
"""


def numbered(number):
    """A version of the graph of which the second deployment has changed."""
    return GRAPH.replace('["second", 1,', f'["second", {number},')


def quiet(_stage):
    """Progress that nobody looks at."""


def ask(cluster, x=5, route="/"):
    """One answer."""
    response = httpx.post(f"{cluster.http}{route}", json=x, trust_env=False, timeout=60)
    assert response.status_code == 200, response.text
    return response.json()


def replicas(cluster, name="steps"):
    """The processes of the replicas, by deployment, with their nodes."""
    found = cluster.get("/api/serve/applications/").json()["applications"][name]["deployments"]
    return {
        key: [(one["pid"], one["node_id"]) for one in each["replicas"] if one["state"] == "RUNNING"]
        for key, each in found.items()
    }


def kinds(plan):
    """What happens to each deployment."""
    return {one.name: one.kind for one in plan.changes}
