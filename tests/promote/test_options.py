"""Options that `serve.yaml` can say."""

import math

import numpy as np
import pytest

from graphnb import InputNode, serve
from graphnb.authoring import build
from graphnb.errors import ExportError
from graphnb.promote.prove.options import check_user_configs
from graphnb.session.target import root_of


def graph(user_config):
    """A graph with one deployment that has it."""

    @serve.deployment(user_config=user_config)
    class Holder:
        def reconfigure(self, config):
            self.config = config

        def __call__(self, x):
            return x

    with InputNode() as request:
        answer = Holder.bind().__call__.bind(request)
    return build(root_of(answer))


@pytest.mark.parametrize("value", [None, {"a": [1, 2.5, "x", None, {"b": (True,)}]}, [], 0])
def test_plain_data_can_be_said(value):
    """As JSON has it."""
    check_user_configs(graph(value))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"weights": [np.zeros(2)]}, r"user_config\['weights'\]\[0\] is a ndarray"),
        ({1: "a"}, "a key of user_config is a int"),
        ({"a": {"b": math.nan}}, r"user_config\['a'\]\['b'\] is nan"),
    ],
)
def test_what_would_be_another_one_is_refused(value, said):
    """With the place, and what to use instead."""
    with pytest.raises(ExportError, match=f"the user_config of Holder .*{said}") as raised:
        check_user_configs(graph(value))
    assert "numbers, text" in str(raised.value.hint)
