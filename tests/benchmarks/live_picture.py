"""The live picture in a real JupyterLab, in headless Chromium, on the same machine.

*From a request's end to the changed number*: a graph of 50 nodes; the kernel notes when its n-th
request ended, the page when it first shows n requests or more, both by the machine's clock. Once
while the cell that runs is a bench, once while the cell computes in Python and requests come from a
thread. *200 nodes*: requests all the time, for a minute; ticks are counted as they are made,
of ten that are due in a second, and those that have news as they arrive in the page; the page's
main thread by Chromium's own account of it, the kernel's side by the CPU time of the threads that
make ticks, send them, and hear the page. *A bench with the live picture open*: ten
calls in a row that do next to nothing, benched by one client, in short turns with the picture as it
is and with one that is told nothing. *The first picture*: from before `live()`, the last
line of a cell that deployed a graph of 50 nodes 0.4 s earlier (a thread has drawn it by then), to
the first frame of the page that has it, beside what a word of HTML takes; cold is the first one of
a kernel.
"""

import itertools
import json
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.rows import Bar, Row, at_most, at_most_times, duration, factor
from tests.browser.lab import PATIENCE_MS, Lab, Page, chromium

DELAY_BAR_S = 0.25
BUSY_BAR = 0.20
KERNEL_BAR = 0.05
BENCH_BAR = 1.03
COLD_BAR_S, WARM_BAR_S = 0.7, 0.1
MINUTE_S = 60.0
TICK_S = 0.1
ROUNDS = 300

GRAPH = """
import gc, json, threading, time
import graphnb
from graphnb import InputNode, serve

def layered(nodes, width, seconds=0.0):
    async def work(*parts):
        if seconds:
            await asyncio.sleep(seconds)
        return 1
    import asyncio
    with InputNode() as request:
        layer = [request]
        left = nodes
        while left > 0:
            layer = [
                serve.deployment(work).bind(*layer[max(0, at - 1):at + 2])
                for at in range(min(width, left))
            ]
            left -= len(layer)
        return serve.deployment(work).bind(*layer)
"""
DEPLOY = """
big = graphnb.deploy(layered({nodes}, {width}), name="big", http=False)
live = big.live()
live
"""
# Of the requests of a graph, when each ended: appended on the thread that ran it.
NOTE = """
ended = []
big._application.recorder.subscribe(lambda trace: ended.append(time.time()))
"""
BENCH = "big.bench(1, count=10_000, duration_s={seconds})"
COMPUTE = """
stop = threading.Event()
def ask():
    while not stop.wait(0.02):
        big.remote(1).result()
thread = threading.Thread(target=ask, daemon=True)
thread.start()
until, total = time.monotonic() + {seconds}, 0
while time.monotonic() < until:
    total += sum(range(1000))
stop.set()
thread.join()
"""
STEADY = "big.bench(1, rps={rps}, duration_s={seconds}, count=1_000_000)"
CPU = """
def cpu():
    names = {one.name: one.ident for one in threading.enumerate()}
    return {
        name: time.clock_gettime(time.pthread_getcpuclockid(names[name]))
        for name in names if name.startswith(("graphnb-live", "IOPub", "Shell", "subshell"))
    }
tick, rounds = live._watch._tick, []
def counted(now):
    rounds.append(now)
    tick(now)
live._watch._tick = counted
before, began = cpu(), time.monotonic()
"""
CPU_AFTER = """
after = cpu()
print(json.dumps({
    "cpu": {name: after[name] - before[name] for name in before},
    "seconds": time.monotonic() - began,
    "rounds": [one - began for one in rounds],
}))
"""
RACE = """
watch, recorder = live._watch, live._watch._recorder
tick, note, shown = watch._tick, watch.figures.note, [True]
# Short turns, since the machine has a pace of its own: the picture stays, and gets nothing.
watch._tick = lambda now: tick(now) if shown[0] else None
def throughput(wanted):
    if wanted != shown[0]:
        shown[0] = wanted
        (recorder.subscribe if wanted else recorder.unsubscribe)(note)
    return big.bench(1, count=1_000_000, duration_s={seconds}).throughput
throughput(True)
# What was here before is collected no more: a tenth of a second that hits one side or the other.
gc.collect()
gc.freeze()
rounds = []
for number in range({rounds}):
    found = {{}}
    for wanted in (True, False) if number % 2 else (False, True):
        found[wanted] = throughput(wanted)
    rounds.append([found[False], found[True]])
print(json.dumps(rounds))
"""
# JupyterLab is busy with the cell that it has just sent: what runs a little longer finds it ready.
FIRST = """
target = layered(50, 8)
shown = graphnb.deploy(target, name=f"g{time.time_ns()}", http=False)
time.sleep(0.4)
began = time.time()
shown.live()
"""
BEGAN = "print(json.dumps(began))"
BARE = """
from IPython.display import HTML
time.sleep(0.4)
began = time.time()
HTML("<b class='bare'>shown</b>")
"""

# Notes when the number of requests that is shown changes.
WATCH_NUMBER = """() => {
  const root = document.querySelector('.gnb-live');
  window.shown = [];
  const look = () => {
    const found = /([\\d]+) requests?/.exec(root.querySelector('.gnb-head').textContent);
    const last = window.shown[window.shown.length - 1];
    if (found && (!last || last[1] !== Number(found[1]))) {
      window.shown.push([Date.now() / 1000, Number(found[1])]);
    }
  };
  new MutationObserver(look).observe(root, {subtree: true, childList: true, characterData: true});
}"""
WATCH_TICKS = """async () => {
  const app = window.jupyterapp;
  let panel = null;
  for (const one of app.shell.widgets('main')) if (one.content && one.content.widgets) panel = one;
  window.ticks = [];
  panel.sessionContext.session.kernel.iopubMessage.connect((_, message) => {
    const content = message.content?.data?.content;
    if (message.header.msg_type === 'comm_msg' && content?.type === 'tick') {
      window.ticks.push([Date.now() / 1000, content.tick]);
    }
  });
}"""
# Notes when the first frame after something has come is drawn.
WATCH_FIRST = """(selector) => {
  document.querySelectorAll(selector).forEach((one) => one.remove());
  window.first = null;
  const observer = new MutationObserver(() => {
    if (!document.querySelector(selector)) return;
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => { window.first = Date.now() / 1000; }));
  });
  observer.observe(document.body, {subtree: true, childList: true});
}"""


def measure() -> Sequence[Row]:
    """All of it, in one browser and one server."""
    with (
        tempfile.TemporaryDirectory() as home,
        Lab.started(Path(home)) as lab,
        chromium() as browser,
    ):
        return [
            *_first_pictures(lab, browser),
            *_delays(lab, browser),
            *_large(lab, browser),
            *_bench(lab, browser),
        ]


def _first_pictures(lab: Lab, browser: Any) -> list[Row]:
    cold, pictures, outputs = [], [], []
    for _ in range(3):
        shown = (FIRST, BEGAN, BARE, BEGAN)
        cells = ["%load_ext graphnb", GRAPH, *itertools.chain(*(shown for _ in range(5)))]
        page = lab.open(browser, cells, size=(1400, 1000))
        page.run(0)
        page.run(1)
        cold.append(_seconds_to(page, 2, ".gnb-live .gnb-node"))
        for index in range(2 + len(shown), len(cells), len(shown)):
            pictures.append(_seconds_to(page, index, ".gnb-live .gnb-node"))
            outputs.append(_seconds_to(page, index + 2, ".bare"))
        page.close()
    warm_s, bare_s = statistics.median(pictures), statistics.median(outputs)
    return [
        Row(
            "50 nodes: first picture, layout warm",
            duration(warm_s),
            f"{duration(bare_s)} (a word of HTML)",
            bars=(at_most(warm_s, WARM_BAR_S),),
        ),
        Row(
            "50 nodes: first picture of a kernel",
            duration(statistics.median(cold)),
            bars=(at_most(statistics.median(cold), COLD_BAR_S),),
        ),
    ]


def _seconds_to(page: Page, index: int, selector: str) -> float:
    """From the end of a cell's code to the frame that has what it shows; the next one says when."""
    page.page.evaluate(WATCH_FIRST, selector)
    page.run(index)
    page.page.wait_for_function("() => window.first", timeout=PATIENCE_MS)
    page.run(index + 1)
    return float(page.page.evaluate("() => window.first")) - json.loads(_printed(page, index + 1))


def _delays(lab: Lab, browser: Any) -> list[Row]:
    rows = []
    for work, cell in (
        ("a bench", BENCH.format(seconds=20)),
        ("another cell computes", COMPUTE.format(seconds=20)),
    ):
        page = _opened(
            lab, browser, nodes=49, width=7, cells=[NOTE, cell, "print(json.dumps(ended))"]
        )
        page.page.get_by_label("Window").select_option("all")
        page.page.evaluate(WATCH_NUMBER)
        page.run(3)
        page.run(4)
        page.page.wait_for_timeout(500)
        page.run(5)
        ended = json.loads(_printed(page, 5))
        shown = page.page.evaluate("() => window.shown")
        delays = sorted(_delays_of(ended, shown))
        page.close()
        p95 = delays[int(len(delays) * 0.95)]
        rows.append(
            Row(
                f"50 nodes, while {work}: end of request to number in the page, p95",
                duration(p95),
                f"{duration(statistics.median(delays))} (its p50, of {len(delays):,} requests)",
                bars=(at_most(p95, DELAY_BAR_S),),
            )
        )
    return rows


def _delays_of(ended: Sequence[float], shown: Sequence[Sequence[float]]) -> list[float]:
    """From each request's end to the first number shown that counts it."""
    found, at = [], 0
    for number, end in enumerate(ended, start=1):
        while at < len(shown) and shown[at][1] < number:
            at += 1
        if at == len(shown):
            break
        found.append(max(0.0, shown[at][0] - end))
    assert len(found) > 0.95 * len(ended), f"{len(found)} of {len(ended)} requests were shown"
    return found


def _large(lab: Lab, browser: Any) -> list[Row]:
    cells = [CPU, STEADY.format(rps=20, seconds=MINUTE_S), CPU_AFTER]
    page = _opened(lab, browser, nodes=199, width=14, cells=cells)
    session = page.page.context.new_cdp_session(page.page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.page.evaluate(WATCH_TICKS)
    page.run(3)
    before = _task_duration(session)
    page.run(4)
    page.run(5)
    busy_s = _task_duration(session) - before
    kernel = json.loads(_printed(page, 5))
    arrived = page.page.evaluate("() => window.ticks")
    page.close()
    wanted = int(MINUTE_S / TICK_S)
    numbers = [number for _, number in arrived]
    lost = numbers[-1] - numbers[0] + 1 - len(numbers)
    rounds = [one for one in kernel["rounds"] if one <= MINUTE_S]  # then results are worked out
    gap_s = max(later - earlier for earlier, later in itertools.pairwise(rounds))
    dropped = max(0, wanted - 1 - len(rounds)) + lost  # the first and the last are no whole ones
    busy, cpu = busy_s / kernel["seconds"], sum(kernel["cpu"].values()) / kernel["seconds"]
    return [
        Row(
            "200 nodes for a minute: ticks that were made",
            f"{len(rounds)} of {wanted}; {len(numbers)} had news, {lost} of them lost",
            f"{duration(gap_s)} (the longest time from one to the next)",
            bars=(Bar("none dropped", f"missed by {dropped}" if dropped else ""),),
        ),
        Row(
            "200 nodes: main thread of the page",
            f"{busy:.1%} of a core",
            bars=(_share(busy, BUSY_BAR),),
        ),
        Row(
            "200 nodes: the kernel's threads of ticks, sending and hearing",
            f"{cpu:.1%} of a core",
            bars=(_share(cpu, KERNEL_BAR),),
        ),
    ]


def _bench(lab: Lab, browser: Any) -> list[Row]:
    cells = [RACE.format(seconds=0.4, rounds=ROUNDS)]
    page = _opened(lab, browser, nodes=9, width=1, cells=cells)
    page.run(3)
    rounds = json.loads(_printed(page, 3))
    page.close()
    ratio = statistics.median(closed / opened for closed, opened in rounds)
    closed, opened = (statistics.median(side) for side in zip(*rounds, strict=True))
    return [
        Row(
            "10 calls in a row, benched with the picture open",
            f"{opened:,.0f} /s",
            f"{closed:,.0f} /s (told nothing)",
            factor(ratio),
            (at_most_times(ratio, BENCH_BAR),),
        )
    ]


def _opened(lab: Lab, browser: Any, *, nodes: int, width: int, cells: list[str]) -> Page:
    """A notebook with a graph of so many nodes and one more, whose live picture is open."""
    setup = ["%load_ext graphnb", GRAPH, DEPLOY.format(nodes=nodes, width=width)]
    page: Page = lab.open(browser, [*setup, *cells], size=(1400, 1000))
    for index in range(3):
        page.run(index)
    page.page.locator(".gnb-live .gnb-node").first.wait_for()
    page.page.locator(".gnb-live").scroll_into_view_if_needed()
    page.wait(
        "async () => / requests/.test(document.querySelector('.gnb-live .gnb-head').textContent)"
    )
    return page


def _printed(page: Page, index: int) -> str:
    """What a cell printed."""
    outputs = json.loads(page.output(index))
    return "".join("".join(one["text"]) for one in outputs if one["output_type"] == "stream")


def _task_duration(session: Any) -> float:
    found = session.send("Performance.getMetrics")["metrics"]
    return float(next(one["value"] for one in found if one["name"] == "TaskDuration"))


def _share(found: float, limit: float) -> Bar:
    missed = f"missed by {found - limit:.1%}" if found > limit else ""
    return Bar(f"≤ {limit:.0%}", missed)
