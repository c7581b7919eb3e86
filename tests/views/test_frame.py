"""Frames of a live picture: what stands on each node and line at a moment."""

from __future__ import annotations

import copy
import json
import re
from html import escape
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphnb.telemetry.digest import TraceDigest
from graphnb.telemetry.sliding import Window
from graphnb.telemetry.summary import summarize
from graphnb.views import to_svg
from graphnb.views.waterfall import waterfall_svg
from graphnb.views.widget.changes import changes, is_empty
from graphnb.views.widget.frame import AT_A_TIME, IN_TURN, Frames
from graphnb.views.widget.moment import Load, Moment
from graphnb.views.widget.picture import Picture
from tests.strategies import specs
from tests.views.graphs import EXAMPLES, HOSTILE, chain, ensemble, fan, request

MESSAGES = Path("widget/src/messages.ts")
SVG = MESSAGES.with_name("svg.ts")


def window(*traces):
    """A window with these requests, ten seconds long."""
    digest = TraceDigest(parts=False)
    for one in traces:
        digest.add(one)
    return Window(digest, len(traces), 10.0)


def moment(spec, *traces, **changes):
    """What a frame is of, after these requests."""
    return Moment(window(*traces), "last 10 s", {}, spec.root)._replace(**changes)


def frame(spec, *traces, **changes):
    """The first frame of a graph, after these requests."""
    return Frames(Picture(spec), 1).next(moment(spec, *traces, **changes), {})


def applied(before, found):
    """What a browser has after a change."""
    after = copy.deepcopy(before)
    after["head"].update(found.get("head", {}))
    for part in ("nodes", "edges"):
        for name, fields in found.get(part, {}).items():
            after[part][name].update(fields)
    after["choices"] = found.get("choices", after["choices"])
    return after


def fields(interface):
    """The fields of an interface that the browser's half declares."""
    text = MESSAGES.read_text()
    body = re.search(rf"export interface {interface} {{\n(.*?)\n}}", text, re.DOTALL)[1]
    return re.findall(r"^  (\w+)\??:", body, re.MULTILINE)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_picture_has_nothing_that_the_browser_refuses(name):
    """It takes what the kernel draws, and no other elements."""
    taken = re.search(r"\(\?:([a-z|]+)\)\[", SVG.read_text())[1].split("|")
    pictures = [drawn(EXAMPLES[name]), waterfall_svg(request(EXAMPLES[name]), EXAMPLES[name])]
    assert {one for svg in pictures for one in re.findall(r"<(?!/)(\w+)", svg)} <= set(taken)
    assert not any(re.search(r"<(?!/?\w)", svg) for svg in pictures)


def test_both_halves_speak_of_the_same_fields():
    """What the kernel makes is what the browser's types declare, name by name."""
    spec = ensemble()
    made = frame(spec, request(spec))
    traits = Picture(spec).traits(1, "demo", "local")
    assert list(made) == fields("Frame")
    assert list(made["head"]) == fields("Head")
    assert sorted(traits) == sorted(fields("Picture"))
    assert {tuple(one) for one in made["nodes"].values()} == {tuple(fields("NodeFrame"))}
    assert {tuple(one) for one in made["edges"].values()} == {tuple(fields("EdgeFrame"))}
    assert {tuple(one) for one in traits["nodes"].values()} == {tuple(fields("NodeInfo"))}
    assert {tuple(one) for one in traits["edges"].values()} == {tuple(fields("EdgeInfo"))}


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_figure_has_its_place(name):
    """Each node and line of a frame is an element of the picture, and the text is JSON."""
    spec = EXAMPLES[name]
    made = json.loads(json.dumps(frame(spec, request(spec))))
    traits = json.loads(json.dumps(Picture(spec).traits(1, "demo", "local")))
    for one in (*made["nodes"], *made["edges"]):
        assert f'id="{one}"' in traits["svg"]
    assert set(made["nodes"]) == {
        name for name, one in traits["nodes"].items() if one["kind"] != "input"
    }
    assert set(made["edges"]) == set(traits["edges"])


@pytest.mark.parametrize("name", ["ensemble", "chain", "fan", "grouped"])
def test_live_and_static_pictures_say_the_same(name):
    """Texts and colours of the static picture are those of the frame."""
    spec = EXAMPLES[name]
    traces = [request(spec, executing_s=0.001 * index) for index in range(1, 30)]
    static = to_svg(spec, window(*traces).digest.summary())
    for node, figures in frame(spec, *traces)["nodes"].items():
        group = re.search(rf'<g id="{node}" .*?(?=\n<g |\n</svg>)', static, re.DOTALL)[0]
        assert f">{figures['p'][0]}</text>" in group
        assert f'fill="{figures["fill"]}"' in group
        for said in (figures["count"], escape(figures["share"])):
            assert not said or f">{said}</text>" in group
        assert ('stroke-width="2.5"' in group) == figures["critical"]


def drawn(spec):
    """The SVG text of a live picture."""
    return Picture(spec).traits(1, "demo", "local")["svg"]


def test_rates_stand_beside_lines_and_on_nothing_else():
    """Of a small graph each line has one; of many lines those of choices alone."""
    places = re.compile(r'<g class="gnb-rate" data-edge="([^"]*)"')
    svg = drawn(ensemble())
    assert set(places.findall(svg)) == set(re.findall(r'<g id="([^"]*)" class="gnb-edge', svg))
    assert places.findall(drawn(fan())) == []
    assert places.findall(to_svg(ensemble())) == []


def test_a_live_picture_is_laid_out_once():
    """Figures are in no part of it."""
    spec = ensemble()
    first, second = (Picture(spec).traits(1, "demo", "local") for _ in range(2))
    assert first == second


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_still_picture_stands_where_the_live_one_does(name):
    """In a saved notebook, until it is live again: the same places, and nothing that is empty."""
    picture = Picture(EXAMPLES[name])
    live, still = drawn(picture.spec), picture.bundle["image/svg+xml"]
    places = re.compile(r'viewBox="[^"]*"|<rect [^>]*class="gnb-card"')
    assert places.findall(still) == places.findall(live)
    assert "gnb-now" in live
    assert not re.search(r"gnb-(now|replicas|health|split|change|rate)\b", still)


def test_names_cannot_break_out():
    """Whatever a node is called, it is text; the picture has no script and no handler."""
    traits = Picture(EXAMPLES["hostile"]).traits(1, "demo", "local")
    assert "<b onload" not in traits["svg"]
    assert any("<b onload" in one["deployment"] for one in traits["nodes"].values())
    assert HOSTILE not in traits["svg"]


# --- what stands on a node -----------------------------------------------------------------------


def test_what_no_request_reached_is_dim():
    """Once there are requests; before, nothing is."""
    spec = EXAMPLES["grouped"]
    assert not any(one["dim"] for one in frame(spec)["nodes"].values())
    one = request(spec)
    spans = tuple(span for span in one.spans if span.call != "backup")
    nodes = frame(spec, one._replace(spans=spans))["nodes"]
    assert nodes["node-backup"]["dim"]
    assert not nodes["node-rank"]["dim"]


def test_the_parts_of_a_nodes_time_add_up():
    """Queued with waiting, executing, transport: to the whole, or to nothing."""
    spec = chain(3)
    assert frame(spec)["nodes"]["node-m0"]["split"] == [0, 0, 0]
    one = request(spec)
    spans = tuple(
        span._replace(queued_s=0.1, waiting_s=0.1, executing_s=0.6, transport_s=0.2)
        for span in one.spans
    )
    split = frame(spec, one._replace(spans=spans))["nodes"]["node-m0"]["split"]
    assert split == [0.2, 0.6, 0.2]


@pytest.mark.parametrize(
    ("load", "now", "replicas", "health"),
    [
        (Load(1, 1, 0, 0, "running", None), "", "1/1", "well"),
        (Load(2, 2, 3, 0, "running", None), "3 busy", "2/2", "well"),
        (Load(1, 1, 1, 12_345, "running", None), "1 busy · 12.3k queued", "1/1", "well"),
        (Load(3, 1, 0, 0, "updating", None), "", "1/3", "moving"),
        (Load(3, 2, 0, 0, "running", None), "", "2/3", "moving"),
        (Load(1, 0, 0, 0, "unhealthy", "it died"), "", "0/1", "ill"),
        (Load(1, 0, 0, 0, "failed", None), "", "0/1", "ill"),
    ],
)
def test_a_node_shows_what_its_deployment_is_at(load, now, replicas, health):
    """Busy and queued calls, replicas there and wanted, and how they are."""
    node = frame(chain(1), loads={"M0": load})["nodes"]["node-m0"]
    assert (node["now"], node["replicas"], node["health"]) == (now, replicas, health)


def test_a_sampled_window_says_so():
    """Rates are of all requests, and the head tells how many were looked into."""
    spec = chain(2)
    some = Window(window(request(spec)).digest, 8, 4.0)
    made = frame(spec, window=some)
    assert made["head"]["sampled"] == "figures of 1 in 8"
    assert made["head"]["rate"] == made["edges"]["edge-request--m0"]["rate"] == "2.0/s"
    assert frame(spec, request(spec))["head"]["sampled"] == ""


def test_a_new_node_is_new():
    """Compared with figures that do not have it."""
    before, after = chain(1), chain(2)
    node = frame(after, request(after), against=window(request(before)).digest)["nodes"]
    assert node["node-m1"]["change"] == "new"
    assert node["node-m0"]["change"].startswith("±0 %")


def test_a_change_of_a_hundred_times_is_a_factor():
    """Percentages of four digits say nothing."""
    spec = chain(1)
    fast = [request(spec, executing_s=0.001) for _ in range(30)]
    slow = [request(spec, executing_s=0.1) for _ in range(30)]
    node = frame(spec, *slow, against=window(*fast).digest)["nodes"]["node-m0"]
    assert re.fullmatch(r"\d\d× · 30→30", node["change"])
    assert node["trend"] == "slower"
    node = frame(spec, *fast, against=window(*slow).digest)["nodes"]["node-m0"]
    assert re.fullmatch(r"−9\d % · 30→30", node["change"])
    assert node["trend"] == "faster"


# --- from frame to frame -------------------------------------------------------------------------


@settings(max_examples=30)
@given(specs())
def test_changes_lead_from_one_frame_to_the_next(spec):
    """Whoever has the frame before and takes the changes has the frame after; twice is none."""
    before, after = frame(spec), frame(spec, request(spec))
    found = changes(before, after)
    assert applied(before, found) == after
    assert is_empty(changes(after, after))
    assert is_empty(found) == (before == after)


def test_nodes_of_a_large_graph_take_turns():
    """Each frame has new figures of some; after all turns they are those of a whole frame."""
    spec = chain(2 * AT_A_TIME + 10)
    traces = [request(spec, executing_s=0.001 * index) for index in range(1, 4)]
    frames = Frames(Picture(spec), 1)
    frames.next(moment(spec), {})
    called = moment(spec, *traces)
    differ = []
    for _ in range(len(frames.last["nodes"]) // IN_TURN + 1):
        before = frames.last
        differ.append(len(changes(before, frames.next(called, {})).get("nodes", {})))
    assert frames.last == frame(spec, *traces)
    assert max(differ) <= IN_TURN
    assert is_empty(changes(frames.last, frames.next(called, {})))


@settings(max_examples=40)
@given(specs(), st.data())
def test_a_frame_that_goes_on_from_others_is_one_made_anew(spec, data):
    """Whatever came before it: more requests, fewer, other figures to compare with, other loads."""
    frames = Frames(Picture(spec), 1)
    sliding, other = window(), window(request(spec))
    names = [one.name for one in spec.deployments]
    for _ in range(data.draw(st.integers(1, 6))):
        called = window(request(spec, executing_s=data.draw(st.floats(0.0, 2.0))))
        if data.draw(st.booleans()):
            sliding.digest.merge(called.digest)
            sliding.requests += 1
        load = Load(1, 1, data.draw(st.integers(0, 2)), 0, "running", None)
        shown = Moment(
            data.draw(st.sampled_from([sliding, other])),
            "last 10 s",
            dict.fromkeys(data.draw(st.sets(st.sampled_from(names))), load),
            spec.root,
            against=data.draw(st.sampled_from([None, other.digest, sliding.digest])),
            fresh=list(shown_handles(called)) if data.draw(st.booleans()) else (),
        )
        found = frames.next(shown, {})
        assert found == Frames(Picture(spec), 1).next(shown, {})


def shown_handles(called):
    """The calls by handle of a window, as a moment has those that are fresh."""
    return called.digest.handle_calls


def test_what_a_deployment_is_at_waits_for_no_turn():
    """Of a large graph too, it is new in each frame."""
    spec = chain(3 * AT_A_TIME)
    busy = {f"M{one}": Load(1, 1, 2, 0, "running", None) for one in range(3 * AT_A_TIME)}
    frames = Frames(Picture(spec), 1)
    frames.next(moment(spec), {})
    made = frames.next(moment(spec, loads=busy), {})
    assert all(made["nodes"][f"node-m{one}"]["now"] == "2 busy" for one in range(3 * AT_A_TIME))


def test_figures_are_those_of_the_exact_summary():
    """Within the accuracy of the buckets."""
    spec = ensemble()
    traces = [request(spec, executing_s=0.001 * index) for index in range(1, 60)]
    exact = summarize(traces).nodes["tokenize"]
    shown = frame(spec, *traces)["nodes"]["node-tokenize"]
    assert float(shown["p"][0].removesuffix(" ms")) == pytest.approx(exact.p50_s * 1e3, rel=0.02)
    assert shown["count"] == f"{exact.count}×"
