"""A graph of ten nodes and a driver, deployed in this process with HTTP already listening.

Five nodes are functions, five are classes, written in the cells of an IPython shell with graphnb
loaded. Every round writes all of them anew, so that nothing is known of their code. Deploying is
`bind` and `graphnb.deploy`. Editing is running the cell of one node with another constant, then
`bind`, `graphnb.deploy` under the same name, and one request that has to give the new answer; the
nine other nodes and the driver have to keep their instances.
"""

import statistics
import tempfile
from collections.abc import Sequence
from typing import Any

import graphnb
from tests.benchmarks.rows import Row, at_most, duration
from tests.benchmarks.timing import clock

ROUNDS = 15
NODES = 10
EDITED = "node_4"
DEPLOY_BAR = 0.020
EDIT_BAR = 0.030

FUNCTION = """
@serve.deployment
async def node_{number}(x: int) -> int:
    return x + {constant}
"""

CLASS = """
@serve.deployment
class Node{number}:
    def __init__(self, constant: int) -> None:
        self.constant = constant

    async def predict(self, x: int) -> int:
        return x + self.constant + {constant}
"""

GRAPH = """
def make_graph():
    with InputNode() as x:
        for function, cls in (
            (node_0, Node1), (node_2, Node3), (node_4, Node5), (node_6, Node7), (node_8, Node9)
        ):
            x = cls.bind(0).predict.bind(function.bind(x))
    return x
"""


def measure() -> Sequence[Row]:
    """Deploying, then editing."""
    with tempfile.TemporaryDirectory() as home:
        shell = _shell(home)
        _write_all(shell, 0)  # the first round loads libraries and begins to listen
        graphnb.deploy(shell.user_ns["make_graph"](), name="listening").remote(0).result()
        rounds = [_round(shell, number) for number in range(1, ROUNDS + 1)]
    deploy, edit = (statistics.median(column) for column in zip(*rounds, strict=True))
    return [
        Row(
            "deploy ten nodes and a driver, HTTP listening",
            duration(deploy),
            bars=(at_most(deploy, DEPLOY_BAR),),
        ),
        Row(
            "edit one node of them, deploy again and ask",
            duration(edit),
            bars=(at_most(edit, EDIT_BAR),),
        ),
    ]


def _round(shell: Any, number: int) -> tuple[float, float]:
    """Seconds of one deploy, and of one edit after it."""
    name = f"round_{number}"
    _write_all(shell, number)
    began = clock()
    graph = graphnb.deploy(shell.user_ns["make_graph"](), name=name)
    deployed = clock() - began
    assert graph.remote(0).result() == NODES * number
    before = _replicas(graph)

    edited_cell = FUNCTION.format(number=4, constant=1000 + number)
    began = clock()
    _run(shell, edited_cell)
    graph = graphnb.deploy(shell.user_ns["make_graph"](), name=name)
    answer = graph.remote(0).result()
    edited = clock() - began
    assert answer == NODES * number + 1000
    after = _replicas(graph)
    changed = {node for node, replica in after.items() if before[node] != replica}
    assert changed == {EDITED}, f"{changed} have new instances, expected {EDITED} alone"
    graph.delete()
    return deployed, edited


def _replicas(graph: graphnb.RunningGraph) -> dict[str, str]:
    """Which replica of each deployment answered the last request."""
    replicas = {one.deployment: one.replica for one in graph.trace().spans}
    assert len(replicas) == NODES + 1
    return replicas


def _shell(home: str) -> Any:
    """An IPython shell that keeps its files below a folder."""
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.core.profiledir import ProfileDir
    from traitlets.config import Config

    profile = ProfileDir.create_profile_dir(home)
    config = Config(HistoryManager={"enabled": False})
    shell = InteractiveShell.instance(config=config, profile_dir=profile)
    shell.run_line_magic("load_ext", "graphnb")
    _run(shell, "from graphnb import InputNode, serve")
    _run(shell, GRAPH)
    return shell


def _write_all(shell: Any, constant: int) -> None:
    for number in range(NODES):
        text = CLASS if number % 2 else FUNCTION
        _run(shell, text.format(number=number, constant=constant))


def _run(shell: Any, cell: str) -> None:
    shell.run_cell(cell).raise_error()
