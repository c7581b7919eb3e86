import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import widget from "../src/index.ts";
import { details, frame, node, picture } from "./examples.ts";
import { settled, TestModel } from "./model.ts";

let model: TestModel;
let el: HTMLElement;
let close: () => void;

/** The browser's next frame. */
function paint(): void {
  vi.advanceTimersByTime(20);
}

/** What is there; the tests know what it is. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters
function find<E extends Element = HTMLElement>(selector: string, within: Element = el): E {
  const found = within.querySelector<E>(selector);
  if (!found) {
    throw new Error(`there is no ${selector}`);
  }
  return found;
}

function named(name: string): HTMLButtonElement {
  const found = Array.from(el.querySelectorAll("button")).find(
    (one) => one.textContent === name || one.getAttribute("aria-label") === name,
  );
  if (!found) {
    throw new Error(`there is no button ${name}`);
  }
  return found;
}

function press(target: Element, key: string, more: KeyboardEventInit = {}): KeyboardEvent {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more });
  target.dispatchEvent(event);
  return event;
}

function click(target: Element): void {
  target.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
}

function setHiddenPage(hidden: boolean): void {
  vi.spyOn(document, "hidden", "get").mockReturnValue(hidden);
  document.dispatchEvent(new Event("visibilitychange"));
}

async function open(): Promise<void> {
  await model.answer("open", frame());
  paint();
}

beforeEach(() => {
  vi.useFakeTimers();
  model = new TestModel(picture());
  el = document.createElement("div");
  document.body.append(el);
  close = widget.render({ model, el });
});

afterEach(() => {
  close();
  el.remove();
  vi.useRealTimers();
});

describe("the live picture", () => {
  it("shows the graph at once, and its figures when they come", async () => {
    expect(find(".gnb-name").textContent).toBe("demo");
    expect(el.querySelectorAll(".gnb-node")).toHaveLength(4);
    await open();
    expect(find("#node-a .gnb-p50").textContent).toBe("1.0 ms");
    expect(find(".gnb-head").textContent).toContain("5/s");
    expect(find(".gnb-live").style.getPropertyValue("--gnb-critical")).toBe("#d9640c");
  });

  it("paints several ticks once, in the browser's next frame", async () => {
    await open();
    model.tick({ nodes: { "node-a": { count: "11×" } } });
    model.tick({ nodes: { "node-a": { count: "12×" } } });
    expect(find("#node-a .gnb-count").textContent).toBe("10×");
    paint();
    expect(find("#node-a .gnb-count").textContent).toBe("12×");
    expect(model.last("seen").args.tick).toBe(2);
  });

  it("changes the percentile by itself, without asking", async () => {
    await open();
    const before = model.sent.length;
    find<HTMLInputElement>('input[value="p95"]').click();
    paint();
    expect(find("#node-a .gnb-p50").textContent).toBe("2.0 ms");
    expect(find(".gnb-chosen").textContent).toBe("p95 2.0 ms");
    expect(model.sent).toHaveLength(before);
  });

  it("paints nothing while the page is hidden, and asks for all when it is back", async () => {
    await open();
    setHiddenPage(true);
    model.tick({ nodes: { "node-a": { count: "99×" } } });
    vi.advanceTimersByTime(2000);
    expect(find("#node-a .gnb-count").textContent).toBe("10×");
    expect(model.asks("seen")).toHaveLength(0);
    setHiddenPage(false);
    expect(model.asks("open")).toHaveLength(2);
    paint();
    expect(find("#node-a .gnb-count").textContent).toBe("99×");
  });

  it("says quietly that it waits, and keeps the picture", async () => {
    vi.advanceTimersByTime(2000);
    expect(find(".gnb-quiet").textContent).toBe("waiting for the kernel…");
    expect(el.querySelectorAll(".gnb-node")).toHaveLength(4);
    await open();
    expect(find(".gnb-quiet").textContent).toBe("");
  });

  it("shows another picture when the graph changes, and asks for its figures", async () => {
    await open();
    const { nodes, svg } = picture();
    model.show(
      picture({
        number: 2,
        svg: svg.replaceAll("node-c", "node-d"),
        nodes: { ...nodes, "node-d": { title: "d", deployment: "Model", kind: "root" } },
      }),
    );
    expect(el.querySelectorAll("svg")).toHaveLength(1);
    expect(model.asks("open")).toHaveLength(2);
    await model.answer("open", frame({ picture: 2, nodes: { "node-d": node({ count: "7×" }) } }));
    paint();
    expect(find("#node-d .gnb-count").textContent).toBe("7×");
  });

  it("shows a table where there is no layout", async () => {
    close();
    model = new TestModel(picture({ svg: "" }));
    close = widget.render({ model, el });
    await open();
    const rows = Array.from(el.querySelectorAll("tbody tr"), (row) => row.textContent);
    expect(rows[1]).toContain("1.0 ms10×");
    click(named("a"));
    expect(model.last("node").args.node).toBe("node-a");
  });

  it("shows names as text, whatever they are", async () => {
    const hostile = "<img src=x onerror=alert(1)>";
    close();
    const { nodes, svg } = picture();
    model = new TestModel(
      picture({
        name: hostile,
        headline: hostile,
        svg,
        nodes: { ...nodes, "node-a": { title: hostile, deployment: hostile, kind: "call" } },
      }),
    );
    close = widget.render({ model, el });
    await model.answer(
      "open",
      frame({ nodes: { "node-a": node({ said: hostile, now: hostile, errors: hostile }) } }),
    );
    paint();
    click(find("#node-a"));
    await model.answer(
      "node",
      details({
        title: hostile,
        called: hostile,
        source: hostile,
        options: [{ name: hostile, value: hostile, set: true }],
        times: [{ name: hostile, p: [hostile, hostile, hostile] }],
        histogram: [{ from: hostile, to: hostile, count: 1, part: 1 }],
      }),
    );
    await model.refuse("open", hostile, hostile).catch(() => undefined);
    click(named("Send again"));
    await model.refuse("again", hostile, hostile);
    expect(el.querySelector("img, script")).toBeNull();
    expect(el.textContent).toContain(hostile);
  });

  it("is one of several of a model, and hears only its own answers", async () => {
    const other = document.createElement("div");
    document.body.append(other);
    const closeOther = widget.render({ model, el: other });
    await model.answer("open", frame());
    paint();
    expect(find("#node-a .gnb-p50", other).textContent).toBe("1.0 ms");
    expect(find("#node-a .gnb-p50").textContent).toBe("");
    closeOther();
    other.remove();
    expect(model.listeners).toBe(3);
  });

  it("leaves nothing behind when it is closed", async () => {
    await open();
    click(find("#node-a"));
    await model.answer("node", details());
    vi.advanceTimersByTime(1); // jsdom's own, after a focus
    const listening = vi.spyOn(document, "addEventListener");
    close();
    expect(model.listeners).toBe(0);
    expect(model.last("close").args.view).toBe(model.sent[0]?.view);
    expect(el.childElementCount).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
    const before = model.sent.length;
    model.tick({ nodes: { "node-a": { count: "99×" } } });
    setHiddenPage(true);
    setHiddenPage(false);
    vi.advanceTimersByTime(60_000);
    expect(model.sent).toHaveLength(before);
    expect(listening).not.toHaveBeenCalled();
  });

  it("closes with the host's signal", () => {
    const controller = new AbortController();
    const other = document.createElement("div");
    const again = widget.render({ model, el: other, signal: controller.signal });
    controller.abort();
    expect(other.childElementCount).toBe(0);
    again();
    expect(model.asks("close")).toHaveLength(1);
  });
});

describe("choices", () => {
  it("are asked for, and shown when they are granted", async () => {
    await open();
    const select = find<HTMLSelectElement>("select");
    select.value = "all";
    select.dispatchEvent(new Event("change"));
    expect(model.last("choose").args).toEqual({ window: "all" });
    expect(select.getAttribute("aria-busy")).toBe("true");
    await model.answer("choose", frame({ choices: { ...frame().choices, window: "all" } }));
    paint();
    expect(select.value).toBe("all");
    expect(select.hasAttribute("aria-busy")).toBe(false);
  });

  it("go back to what is shown when they fail", async () => {
    await open();
    const select = find<HTMLSelectElement>("select");
    select.value = "all";
    select.dispatchEvent(new Event("change"));
    await model.refuse("choose", "there is no such window", "choose another");
    expect(select.value).toBe("10");
    expect(find(".gnb-notice").textContent).toContain("there is no such window");
    expect(find(".gnb-notice").textContent).toContain("hint: choose another");
  });

  it("keep what is shown, to compare with", async () => {
    await open();
    click(named("Keep what is shown"));
    expect(model.last("choose").args).toEqual({ against: "pin" });
  });

  it("pause and go on", async () => {
    await open();
    click(named("Pause"));
    expect(model.last("choose").args).toEqual({ paused: true });
    await model.answer("choose", frame({ choices: { ...frame().choices, paused: true } }));
    paint();
    click(named("Resume"));
    expect(model.last("choose").args).toEqual({ paused: false });
  });
});

describe("acts", () => {
  it("show that they are under way, and say how they went", async () => {
    await open();
    click(named("Send again"));
    expect(named("Send again").getAttribute("aria-busy")).toBe("true");
    click(named("Send again"));
    expect(model.asks("again")).toHaveLength(1);
    await model.answer("again", { said: "answered in 1 ms", request: "r-1" });
    expect(named("Send again").hasAttribute("aria-busy")).toBe(false);
    expect(find(".gnb-notices").textContent).toContain("answered in 1 ms");
    click(named("Show it"));
    expect(model.last("request").args).toEqual({ which: "r-1" });
  });

  it("say after 30 s that there is no answer, and take it when it comes", async () => {
    await open();
    click(named("Send again"));
    vi.advanceTimersByTime(30_000);
    expect(find(".gnb-notices").textContent).toContain("does not answer: a cell may be running");
    await model.answer("again", { said: "answered in 31 s", request: "" });
    expect(find(".gnb-notices").textContent).not.toContain("does not answer");
    expect(find(".gnb-notices").textContent).toContain("answered in 31 s");
  });

  it("say what failed until it is dismissed", async () => {
    await open();
    click(named("Send again"));
    await model.refuse("again", "nothing was sent yet", "call the graph");
    expect(find(".gnb-notices").getAttribute("aria-live")).toBe("polite");
    click(named("dismiss"));
    expect(find(".gnb-notices").textContent).toBe("");
  });

  it("stop nothing before it is confirmed, and have Cancel focused", async () => {
    await open();
    named("Stop…").focus();
    click(named("Stop…"));
    expect(document.activeElement?.textContent).toBe("Cancel");
    click(named("Stop…"));
    expect(el.querySelectorAll(".gnb-confirm")).toHaveLength(1);
    press(named("Cancel"), "Escape");
    await settled();
    expect(el.querySelector(".gnb-confirm")).toBeNull();
    expect(document.activeElement).toBe(named("Stop…"));
    expect(model.asks("stop")).toHaveLength(0);
  });

  it("stop the graph when it is confirmed, and then there is nothing more to do", async () => {
    await open();
    click(named("Stop…"));
    click(named("Stop demo"));
    await settled();
    await model.answer("stop", { said: "demo was stopped" });
    model.tick({ head: { state: "ended" } });
    paint();
    expect(find(".gnb-state").textContent).toContain("ended");
    expect(["Send again", "Stop…", "Pause"].map((one) => named(one).disabled)).toEqual([
      true,
      true,
      true,
    ]);
  });

  it("save the picture as a file", async () => {
    await open();
    click(named("Save picture"));
    const names: string[] = [];
    URL.createObjectURL = vi.fn(() => "blob:1");
    const revoked = vi.fn();
    URL.revokeObjectURL = revoked;
    document.addEventListener(
      "click",
      (event) => {
        event.preventDefault();
        names.push((event.target as HTMLAnchorElement).download);
      },
      { once: true, capture: true },
    );
    await model.answer("export", { name: "demo.svg", type: "image/svg+xml", text: "<svg/>" });
    expect(names).toEqual(["demo.svg"]);
    vi.runOnlyPendingTimers();
    expect(revoked).toHaveBeenCalledWith("blob:1");
  });
});

describe("the keyboard", () => {
  it("has one tab stop in the picture", async () => {
    await open();
    const stops = (): string[] =>
      Array.from(el.querySelectorAll('.gnb-node[tabindex="0"]'), (one) => one.id);
    expect(stops()).toEqual(["node-request"]);
    find<SVGGElement>("#node-request").focus();
    press(find("#node-request"), "ArrowDown");
    expect(document.activeElement?.id).toBe("node-a");
    press(find("#node-a"), "ArrowRight");
    press(find("#node-b"), "End");
    expect(document.activeElement?.id).toBe("node-c");
    expect(stops()).toEqual(["node-c"]);
    press(find("#node-c"), "Home");
    expect(document.activeElement?.id).toBe("node-request");
  });

  it("leaves the page's own keys to the page", async () => {
    await open();
    expect(press(find("#node-a"), "Tab").defaultPrevented).toBe(false);
    expect(press(find("#node-a"), "ArrowDown", { ctrlKey: true }).defaultPrevented).toBe(false);
    expect(press(find("#node-a"), "ArrowDown").defaultPrevented).toBe(true);
  });

  it("says of a node how it is now when it gets the focus", async () => {
    await open();
    model.tick({ nodes: { "node-a": { said: "a; p50 9 ms; 2 errors" } } });
    paint();
    find<SVGGElement>("#node-a").focus();
    expect(find("#node-a").getAttribute("aria-label")).toBe("a; p50 9 ms; 2 errors");
    expect(find("#node-a").getAttribute("role")).toBe("button");
  });

  it("says of all others how they are now every 3 s, and of none that has the focus", async () => {
    await open();
    const said = (id: string): string | null => find(`#${id}`).getAttribute("aria-label");
    find<SVGGElement>("#node-b").focus();
    for (let tenth = 0; tenth < 29; tenth += 1) {
      model.tick({ nodes: { "node-a": { said: `a; ${tenth}` }, "node-b": { said: "b; new" } } });
      vi.advanceTimersByTime(100);
      expect(said("node-a")).toBe("a node; p50 1.0 ms");
    }
    vi.advanceTimersByTime(200);
    expect(said("node-a")).toBe("a; 28");
    expect(said("node-b")).toBe("a node; p50 1.0 ms");
  });

  it("opens a node with Enter, and gives the focus back with Escape", async () => {
    await open();
    find<SVGGElement>("#node-b").focus();
    press(find("#node-b"), "Enter");
    await model.answer("node", details({ title: "b" }));
    expect(find(".gnb-panel").hidden).toBe(false);
    expect(el.querySelectorAll(".gnb-opened")).toHaveLength(1);
    expect(document.activeElement?.className).toBe("gnb-title");
    press(find(".gnb-panel .gnb-title"), "Escape");
    expect(find(".gnb-panel").hidden).toBe(true);
    expect(el.querySelectorAll(".gnb-opened")).toHaveLength(0);
    expect(document.activeElement?.id).toBe("node-b");
  });
});

describe("the panel of a node", () => {
  async function openNode(changes: Parameters<typeof details>[0] = {}): Promise<void> {
    await open();
    click(find("#node-a"));
    await model.answer("node", details(changes));
  }

  function field(name: string): HTMLInputElement {
    return find<HTMLInputElement>(`input[name="${name}"]`);
  }

  function type(input: HTMLInputElement, value: string): void {
    input.value = value;
    input.dispatchEvent(new Event("input", { bubbles: true }));
  }

  it("shows all that is known", async () => {
    await openNode();
    const said = find(".gnb-panel").textContent;
    for (const part of [
      "Tokenizer.__call__",
      "cell 4",
      "waited for",
      "812 ms",
      "ValueError: no text",
      "max_ongoing_requests5 (default)",
      "return text.split()",
    ]) {
      expect(said).toContain(part);
    }
    expect(find(".gnb-bars").getAttribute("aria-label")).toBe("0 ms to 1 ms: 3; 1 ms to 2 ms: 1");
  });

  it("says that it asks, as long as it does", async () => {
    await open();
    click(find("#node-a"));
    expect(find(".gnb-inside").textContent).toBe("Asking the kernel…");
  });

  it("asks again while figures come, at most every 2 s", async () => {
    await openNode();
    for (let tenth = 0; tenth < 50; tenth += 1) {
      model.tick({ nodes: { "node-a": { count: `${tenth}×` } } });
      vi.advanceTimersByTime(100);
      if (model.asks("node").length > 1) {
        await model.answer("node", details());
      }
    }
    expect(model.asks("node")).toHaveLength(3);
    vi.advanceTimersByTime(10_000);
    expect(model.asks("node")).toHaveLength(3);
  });

  it("changes in place, and keeps what somebody types and where they are", async () => {
    await openNode();
    const input = field("num_replicas");
    input.focus();
    type(input, "7");
    const source = find(".gnb-panel pre[aria-label=source]");
    vi.advanceTimersByTime(3000);
    model.tick({ nodes: { "node-a": { count: "11×" } } });
    paint();
    await model.answer(
      "node",
      details({
        times: [{ name: "waited for", p: ["8 ms", "9 ms", "10 ms"] }],
        scale: { num_replicas: 3, max_ongoing_requests: 6 },
      }),
    );
    expect(find(".gnb-section table").textContent).toContain("9 ms");
    expect(find(".gnb-panel pre[aria-label=source]")).toBe(source);
    expect(document.activeElement).toBe(input);
    expect(input.value).toBe("7");
    expect(field("max_ongoing_requests").value).toBe("6");
  });

  it.each(["", "0", "-1", "2.5", "x"])(
    "does not send %j as a number of replicas",
    async (value) => {
      await openNode();
      type(field("num_replicas"), value);
      expect(field("num_replicas").getAttribute("aria-invalid")).toBe("true");
      expect(find(".gnb-wrong").textContent).toContain("num_replicas is a whole number");
      find("form.gnb-scale").dispatchEvent(new Event("submit", { cancelable: true }));
      expect(model.asks("scale")).toHaveLength(0);
    },
  );

  it("offers to apply only what differs, and shows the code that does the same", async () => {
    await openNode();
    expect(named("Apply").hidden).toBe(true);
    type(field("num_replicas"), "4");
    expect(named("Apply").hidden).toBe(false);
    find("form.gnb-scale").dispatchEvent(new Event("submit", { cancelable: true }));
    expect(model.last("scale").args).toEqual({
      node: "node-a",
      num_replicas: 4,
      max_ongoing_requests: 5,
    });
    await model.answer("scale", { said: "scaled", code: "graph.scale(4)" });
    expect(find(".gnb-answer").textContent).toContain("scaled");
    expect(find(".gnb-code pre").textContent).toBe("graph.scale(4)");
    expect(named("Apply").hidden).toBe(true);
  });

  it("has no form where nothing can be changed, and says why", async () => {
    await openNode({ scale: null, scale_note: "It scales by itself." });
    expect(find("form.gnb-scale").hidden).toBe(true);
    expect(find(".gnb-panel").textContent).toContain("It scales by itself.");
  });

  it("leads to the request that failed, and to the slowest", async () => {
    await openNode();
    click(named("Show its request"));
    expect(model.last("request").args).toEqual({ which: "r-7" });
    click(find("#node-a"));
    await model.answer("node", details());
    click(named("812 ms (r-9)"));
    expect(model.last("request").args).toEqual({ which: "slowest", node: "node-a" });
  });

  it("closes when its node is gone", async () => {
    await openNode();
    const others = Object.entries(picture().nodes).filter(([id]) => id !== "node-a");
    model.show(picture({ number: 2, nodes: Object.fromEntries(others) }));
    expect(find(".gnb-panel").hidden).toBe(true);
  });
});

describe("the legend", () => {
  it("says in words what each sample is, and gives the focus back", async () => {
    await open();
    const asks = named("legend");
    asks.focus();
    click(asks);
    const entries = Array.from(el.querySelectorAll(".gnb-legend dd"), (one) => one.textContent);
    expect(entries.length).toBeGreaterThan(15);
    expect(entries.every((one) => one.length > 5)).toBe(true);
    press(find(".gnb-panel .gnb-title"), "Escape");
    expect(el.querySelector(".gnb-legend")).toBeNull();
    expect(document.activeElement).toBe(asks);
  });

  it("takes the place of a node that is open", async () => {
    await open();
    click(find("#node-a"));
    click(named("legend"));
    expect(el.querySelector(".gnb-opened")).toBeNull();
    expect(find(".gnb-panel .gnb-title").textContent).toBe("Legend");
  });
});

describe("the panel of requests", () => {
  const line = { when: "14:03:12", total: "1 ms", outcome: "ok", error: "" } as const;

  async function openRequests(): Promise<void> {
    await open();
    click(named("Requests…"));
    await model.answer("requests", {
      last: [{ id: "r-1", ...line }],
      slowest: [{ id: "r-2", ...line }],
      failed: [{ id: "r-3", ...line, outcome: "error", error: "ValueError: no" }],
    });
  }

  it("opens from the request's own node as well", async () => {
    await open();
    click(find("#node-request"));
    expect(model.asks("requests")).toHaveLength(1);
    expect(model.asks("node")).toHaveLength(0);
  });

  it("has a list for each kind, by tabs that arrows go through", async () => {
    await openRequests();
    const listed = (): string | null => find(".gnb-requests").textContent;
    expect(listed()).toContain("r-1");
    find("[role=tab]").focus();
    press(find("[role=tab]"), "ArrowRight");
    expect(listed()).toContain("r-2");
    press(find("[role=tablist]"), "ArrowRight");
    expect(listed()).toContain("ValueError: no");
    expect(listed()).toContain("✗ error");
    expect(document.activeElement?.textContent).toBe("failed");
  });

  it("shows a request as a waterfall, and as text", async () => {
    await openRequests();
    click(find(".gnb-request"));
    expect(model.last("request").args).toEqual({ which: "r-1" });
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" onload="x()"><text>a</text></svg>';
    await model.answer("request", { id: "r-1", headline: "r-1: 1 ms", svg, text: "a |██|" });
    expect(find(".gnb-waterfall svg").getAttribute("aria-label")).toBe("r-1: 1 ms");
    expect(find(".gnb-waterfall svg").hasAttribute("onload")).toBe(false);
    expect(find(".gnb-request").getAttribute("aria-pressed")).toBe("true");
    click(named("As text"));
    expect(find(".gnb-request-detail pre").hidden).toBe(false);
    expect(find(".gnb-request-detail pre").textContent).toBe("a |██|");
  });

  it("keeps to the request that was asked for last", async () => {
    await openRequests();
    click(find(".gnb-request"));
    const first = model.last("request");
    find<HTMLInputElement>(".gnb-by-id input").value = "r-9";
    find(".gnb-by-id").dispatchEvent(new Event("submit", { cancelable: true }));
    await model.answer("request", { id: "r-9", headline: "the ninth", svg: "", text: "" });
    const late = { id: "r-1", headline: "the first", svg: "", text: "" };
    model.say({ type: "reply", view: first.view, id: first.id, value: late });
    await settled();
    expect(find(".gnb-request-detail").textContent).toContain("the ninth");
  });
});
