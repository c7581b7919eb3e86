"""Files for Kubernetes: what their schemas and linters say of them."""

import subprocess
import sys
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml
from ray.serve.schema import ServeDeploySchema

from graphnb.promote.bundle.kube import NOT_RUN, dockerfile, rayservice

CONFIG = {
    "applications": [
        {
            "name": "default",
            "route_prefix": "/",
            "import_path": "app:app",
            "deployments": [{"name": "one", "num_replicas": 2}],
        }
    ]
}


def group(required, **more):
    """The schema of a group of nodes."""
    common = {
        "rayStartParams": {"type": "object", "additionalProperties": {"type": "string"}},
        "template": {"type": "object"},
    }
    return {
        "type": "object",
        "required": [*common, *required],
        "properties": {**common, **more},
        "additionalProperties": False,
    }


COUNT = {"type": "integer", "minimum": 0}
# What KubeRay's types (ray.io/v1) have of the fields that are used; nothing else may be there.
RAY_SERVICE = {
    "type": "object",
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "apiVersion": {"const": "ray.io/v1"},
        "kind": {"const": "RayService"},
        "metadata": {
            "type": "object",
            "properties": {"name": {"pattern": "^[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?$"}},
            "required": ["name"],
            "additionalProperties": False,
        },
        "spec": {
            "type": "object",
            "required": ["serveConfigV2", "rayClusterConfig"],
            "properties": {
                "serveConfigV2": {"type": "string"},
                "rayClusterConfig": {
                    "type": "object",
                    "required": ["headGroupSpec"],
                    "properties": {
                        "rayVersion": {"type": "string"},
                        "headGroupSpec": group([]),
                        "workerGroupSpecs": {
                            "type": "array",
                            "items": group(
                                ["groupName", "minReplicas", "maxReplicas"],
                                groupName={"type": "string"},
                                replicas=COUNT,
                                minReplicas=COUNT,
                                maxReplicas=COUNT,
                            ),
                        },
                    },
                    "additionalProperties": False,
                },
            },
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
}


@pytest.mark.parametrize("name", ["flowers", "Über graph_1", "x" * 80, "_", "-a-"])
def test_kuberays_file_has_the_fields_of_its_types(name):
    """Each of its type; its name is one that Kubernetes takes, whatever the graph is called."""
    text = rayservice(name, "2.60.0", CONFIG)
    assert text.startswith(NOT_RUN)
    jsonschema.validate(yaml.safe_load(text), RAY_SERVICE)


def test_its_pods_are_of_kubernetes_own_schema():
    """Strictly: with no field that pods do not have."""
    cluster = yaml.safe_load(rayservice("it", "2.60.0", CONFIG))["spec"]["rayClusterConfig"]
    assert cluster["rayVersion"] == "2.60.0"
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    for one in groups:
        pod = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "it"}}
        pod["template"] = one["template"]
        kubernetes_validate.validate(pod, kubernetes_validate.latest_version(), strict=True)
        (container,) = one["template"]["spec"]["containers"]
        assert container["image"] == "IMAGE"


def test_ray_serve_takes_the_configuration_in_it():
    """It is that of serve.yaml."""
    said = yaml.safe_load(rayservice("it", "2.60.0", CONFIG))
    config = yaml.safe_load(said["spec"]["serveConfigV2"])
    assert config == CONFIG
    ServeDeploySchema.model_validate(config)


@pytest.mark.parametrize("has_wheels", [True, False])
def test_the_dockerfile_passes_its_linter(has_wheels):
    """And copies what there is."""
    text = dockerfile("3.11", "2.60.0", has_wheels=has_wheels)
    assert text.startswith(NOT_RUN)
    assert "FROM rayproject/ray:2.60.0-py311" in text
    assert ("wheels" in text) is has_wheels
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [hadolint, "--no-color", "-"], input=text, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")
