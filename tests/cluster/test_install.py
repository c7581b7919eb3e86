"""A library that the cluster's nodes do not have: told, and installed by a target that says so."""

import shutil
import zipfile
from dataclasses import replace

import pytest

from graphnb.errors import PromoteError
from graphnb.promote.bundle import read_bundle
from graphnb.promote.promotion import plan_promotion, promote
from tests.cluster.graphs import GRAPH, ask, kinds, quiet

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300), pytest.mark.usefixtures("ended")]

# Two nodes of one machine would make the same environment at the same place at once.
ON_HEAD = 'ray_actor_options={"num_cpus": 0, "resources": {"node:__internal_head__": 0.001}}'
# On a cluster it needs a library that this machine does not have either.
GREETS = GRAPH.replace(
    "@serve.deployment\nclass Second:\n    def __init__(self):\n",
    """@serve.deployment(max_constructor_retry_count=1)
class Second:
    def __init__(self):
        if "RAY_RAYLET_PID" in os.environ:
            import tinygreet

            self.greeting = tinygreet.greet()
""",
).replace('"x": before[1]}', '"x": getattr(self, "greeting", "nothing")}')
GREETS = GREETS.replace("@serve.deployment\n", f"@serve.deployment({ON_HEAD})\n").replace(
    "max_constructor_retry_count=1", f"max_constructor_retry_count=1, {ON_HEAD}"
)
GREETS += f"\nanswer = DAGDriver.options({ON_HEAD}).bind(answer)\n"
INFO = "tinygreet-1.0.dist-info"
WHEEL = {
    "tinygreet.py": "def greet():\n    return 'good day'\n",
    f"{INFO}/METADATA": "Metadata-Version: 2.1\nName: tinygreet\nVersion: 1.0\n",
    f"{INFO}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    f"{INFO}/RECORD": "".join(f"{name},,\n" for name in ("tinygreet.py", f"{INFO}/RECORD")),
}


@pytest.fixture
def bundle(bundle_of, wheels_folder, tmp_path):
    """A bundle that requires a library which the cluster's index has."""
    with zipfile.ZipFile(wheels_folder / "tinygreet-1.0-py3-none-any.whl", "w") as wheel:
        for name, text in WHEEL.items():
            wheel.writestr(name, text)
    folder = shutil.copytree(bundle_of(GREETS).folder, tmp_path / "bundle")
    with (folder / "requirements.txt").open("a") as file:
        file.write("tinygreet==1.0\n")
    return read_bundle(folder)


def test_replicas_install_what_the_bundle_requires(cluster, target, bundle):
    """Only if the target says so; if not, the error says what would help."""
    target = replace(target, route_prefix="/greets")
    with pytest.raises(PromoteError, match="No module named 'tinygreet'") as caught:
        promote(bundle, target, name="greets", progress=quiet)
    assert "install = true" in caught.value.hint
    assert "nothing of it is left there" in caught.value.message
    installs = replace(target, install=True)
    done = promote(bundle, installs, name="greets", progress=quiet)
    assert done.plan.release.requirements == ["tinygreet==1.0"]
    assert ask(cluster, route="/greets")["x"] == "good day"
    assert not plan_promotion(bundle, installs, name="greets", progress=quiet)
    without = plan_promotion(bundle, target, name="greets", progress=quiet)
    assert set(kinds(without).values()) == {"restarted"}
