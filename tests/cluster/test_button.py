"""The button of a live picture against a real cluster, as a page presses it."""

import httpx
import pytest

import graphnb
from tests.contract.waiting import eventually
from tests.session.test_promoter import CELL, Panel

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


def answer(cluster):
    """What the graph answers there."""
    return httpx.post(cluster.http, json=5, trust_env=False, timeout=60).json()


@pytest.mark.usefixtures("ended", "target")  # target sets the token
def test_a_graph_is_promoted_by_the_button(cluster, shop_stays, notebook, tmp_path, monkeypatch):
    """What is seen as a plan is what runs then; an edit that is cancelled is taken back."""
    monkeypatch.chdir(tmp_path)
    settings = f'[targets.there]\naddress = "{cluster.dashboard}"\ntoken_env = "CLUSTER_TOKEN"\n'
    (tmp_path / "graphnb.toml").write_text(settings)
    assert notebook.run(CELL).error is None
    panel = Panel(graphnb.get("doubler"))
    panel.patience_s = 120
    panel.plan(application="pressed")
    planned = panel.comes_to("planned")
    assert "untouched: shop" in planned["plan"][-1]["text"]
    panel.ask("roll_out", plan=planned["number"])
    assert panel.comes_to("done")["url"] == cluster.http
    assert answer(cluster) == 10
    assert "rolling out" in str(panel.seen)
    assert notebook.run(CELL.replace("FACTOR = 2", "FACTOR = 3")).error is None
    panel.plan(application="pressed")
    planned = panel.comes_to("planned")
    assert [one["sign"] for one in planned["plan"]][1:3] == ["!", "="]
    panel.ask("roll_out", plan=planned["number"])
    panel.until(lambda: "updating" in str(panel.promotion["steps"]))
    panel.ask("cancel")
    error = panel.comes_to("failed")["error"]
    assert error["message"] == "it was cancelled\nwhat ran before runs again"
    eventually(lambda: answer(cluster) == 10)
    assert cluster.token not in str(panel.seen)
