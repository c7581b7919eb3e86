"""What pictures say of options, and what they don't."""

from __future__ import annotations

import pytest

from graphnb.graph.spec import DeploymentSpec, GraphSpec, Options
from graphnb.views import mimebundle
from graphnb.views.labels import option_text


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("num_replicas", 2, "num_replicas=2"),
        ("user_config", {"threshold": 0.5}, "user_config={'threshold': 0.5}"),
        ("user_config", {"api_key": "k"}, "user_config={'api_key': ***}"),
        ("user_config", [{"password": "k"}], "user_config=[{'password': ***}]"),
        (
            "user_config",
            {"tokens": ["k"], "secret": {"a": "k"}},
            "user_config={'tokens': ***, 'secret': ***}",
        ),
        ("user_config", {"max_tokens": 5}, "user_config={'max_tokens': 5}"),
        (
            "ray_actor_options",
            {"num_gpus": 1, "runtime_env": {"env_vars": {"HF": "k"}}},
            "ray_actor_options={'num_gpus': 1, 'runtime_env': {'env_vars': {'HF': ***}}}",
        ),
    ],
)
def test_options_are_shown_without_secrets(name, value, text):
    """Values of the environment, and texts whose names say that they are secret, are stars."""
    assert option_text(name, value) == text


def test_no_form_of_a_picture_has_a_secret():
    """Text, SVG and HTML are saved in notebooks."""
    options = Options(
        {
            "ray_actor_options": {"runtime_env": {"env_vars": {"K": "sesame"}}},
            "user_config": {"token": "sesame"},
        }
    )
    spec = GraphSpec("D", (DeploymentSpec("D", "class", "D", options),))
    assert "sesame" not in str(mimebundle(spec))
