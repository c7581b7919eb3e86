import { beforeEach, describe, expect, it } from "vitest";

import { Drawing } from "../src/drawing.ts";
import { Figures } from "../src/figures.ts";
import type { Changes } from "../src/messages.ts";
import type { Sight } from "../src/painter.ts";
import { Painter } from "../src/painter.ts";
import { frame, node, picture } from "./examples.ts";

const ALL: Sight = { detail: "near", view: { x: 0, y: 0, width: 400, height: 300 } };

let drawing: Drawing;
let painter: Painter;
let figures: Figures;

function paint(
  changes: Omit<Changes, "picture"> = {},
  sight = ALL,
  percentile: 0 | 1 | 2 = 0,
): void {
  figures.merge({ picture: 1, ...changes });
  painter.paint(figures, figures.take(), percentile, sight);
}

function said(id: string, name: string): string | null | undefined {
  return drawing.nodes.get(id)?.group.querySelector(`.gnb-${name}`)?.textContent;
}

/** What is changed on the picture by some work. */
function touched(work: () => void): string[] {
  const observer = new MutationObserver(() => undefined);
  observer.observe(drawing.svg, {
    subtree: true,
    childList: true,
    characterData: true,
    attributes: true,
  });
  work();
  const records = observer.takeRecords();
  observer.disconnect();
  return records.map(({ target }) => {
    const element = target instanceof Element ? target : target.parentElement;
    const owner = element?.closest(".gnb-node, .gnb-edge")?.id ?? element?.tagName ?? "";
    return `${owner} ${element?.getAttribute("class") ?? element?.tagName ?? ""}`;
  });
}

function drawn(): Drawing {
  const made = Drawing.of(picture());
  if (!made) {
    throw new Error("the example can't be read");
  }
  return made;
}

beforeEach(() => {
  drawing = drawn();
  painter = new Painter(drawing);
  figures = new Figures();
  figures.replace(frame());
  paint();
});

describe("painting", () => {
  it("shows a node's place for figures with the first of them", () => {
    const places = (): (string | null)[] =>
      [...drawing.svg.querySelectorAll(".gnb-figures")].map((one) => one.getAttribute("display"));
    drawing = drawn();
    painter = new Painter(drawing);
    expect(places()).toEqual(["none", "none", "none"]);
    figures.replace(frame());
    paint({}, { detail: "near", view: { x: 0, y: 90, width: 100, height: 60 } });
    expect(places()).toEqual([null, "none", "none"]);
    paint();
    expect(places()).toEqual([null, null, null]);
  });

  it("puts every figure of a node in its place", () => {
    paint({
      nodes: {
        "node-a": node({
          count: "123×",
          share: "45 %",
          fill: "#fac984",
          critical: true,
          now: "3 busy · 1 queued",
          replicas: "2/3",
          health: "moving",
        }),
      },
    });
    const group = drawing.nodes.get("node-a")?.group;
    expect(["p50", "count", "share", "now", "replicas"].map((one) => said("node-a", one))).toEqual([
      "1.0 ms",
      "123×",
      "45 %",
      "3 busy · 1 queued",
      "2/3",
    ]);
    expect(group?.classList.contains("gnb-critical")).toBe(true);
    expect(group?.getAttribute("data-health")).toBe("moving");
    expect(group?.querySelector(".gnb-card")?.getAttribute("fill")).toBe("#fac984");
  });

  it("touches only what differs", () => {
    const targets = touched(() => {
      paint({ nodes: { "node-a": { count: "11×" }, "node-b": { p: ["1.0 ms", "9 ms", "9 ms"] } } });
    });
    expect(targets).toEqual(["node-a gnb-count"]);
  });

  it("touches nothing when nothing changed", () => {
    expect(
      touched(() => {
        paint({
          nodes: { "node-a": node(), "node-b": node() },
          edges: { "edge-1": { dim: false } },
        });
      }),
    ).toEqual([]);
  });

  it.each([
    [0, "1.0 ms"],
    [1, "2.0 ms"],
    [2, "3.0 ms"],
  ] as const)("shows percentile %i of every node when it is chosen", (percentile, expected) => {
    paint({}, ALL, percentile);
    expect(["node-a", "node-b", "node-c"].map((id) => said(id, "p50"))).toEqual([
      expected,
      expected,
      expected,
    ]);
  });

  it("fills the track by the parts of the time", () => {
    paint({ nodes: { "node-a": { split: [0.5, 0.25, 0.25] } } });
    const parts = drawing.nodes
      .get("node-a")
      ?.split?.parts.map((one) => [one.getAttribute("x"), one.getAttribute("width")]);
    expect(parts).toEqual([
      ["50.0", "40.0"],
      ["90.0", "20.0"],
      ["110.0", "20.0"],
    ]);
  });

  it("keeps the right edge of a badge where it is", () => {
    const right = (): number => {
      const box = drawing.nodes.get("node-a")?.errors?.box;
      return Number(box?.getAttribute("x")) + Number(box?.getAttribute("width"));
    };
    const before = right();
    paint({ nodes: { "node-a": { errors: "2 errors" } } });
    const group = drawing.nodes.get("node-a")?.errors?.group;
    expect(group?.getAttribute("display")).toBe("inline");
    expect(right()).toBeCloseTo(before);
    paint({ nodes: { "node-a": { errors: "1234 errors" } } });
    expect(right()).toBeCloseTo(before);
    paint({ nodes: { "node-a": { errors: "" } } });
    expect(group?.getAttribute("display")).toBe("none");
  });

  it.each([
    ["slower", "+12 % · 3→4", "▲ +12 % · 3→4"],
    ["faster", "−12 % · 3→4", "▼ −12 % · 3→4"],
    ["same", "±0 % · 3→4", "±0 % · 3→4"],
    ["", "new", "new"],
  ] as const)("says by a sign as well that a node is %s", (trend, change, expected) => {
    paint({ nodes: { "node-a": { change, trend } } });
    expect(drawing.nodes.get("node-a")?.change?.text.textContent).toBe(expected);
    expect(drawing.nodes.get("node-a")?.group.getAttribute("data-trend")).toBe(trend);
  });

  it("shows an edge's rate, and marks what was taken", () => {
    const edge = drawing.edges.get("edge-1");
    expect(edge?.rate?.text.textContent).toBe("5/s");
    expect(edge?.rate?.group.getAttribute("display")).toBe("inline");
    paint({ edges: { "edge-1": { rate: "", lit: true, dim: true } } });
    expect(edge?.rate?.group.getAttribute("display")).toBe("none");
    expect(edge?.group.classList.contains("gnb-lit")).toBe(true);
    expect(edge?.group.classList.contains("gnb-dim")).toBe(true);
    paint({ edges: { "edge-1": { lit: false } } });
    expect(edge?.group.classList.contains("gnb-lit")).toBe(false);
  });

  it("leaves a node that is out of view as it was, until it comes into view", () => {
    const left: Sight = { detail: "near", view: { x: 0, y: 0, width: 100, height: 150 } };
    paint({ nodes: { "node-a": { count: "20×" }, "node-b": { count: "30×" } } }, left);
    expect([said("node-a", "count"), said("node-b", "count")]).toEqual(["20×", "10×"]);
    paint({}, ALL);
    expect(said("node-b", "count")).toBe("30×");
  });

  it("leaves small type as it was while it is too small to read", () => {
    paint(
      { nodes: { "node-a": { count: "20×", p: ["5 ms", "6 ms", "7 ms"] } } },
      {
        ...ALL,
        detail: "middle",
      },
    );
    expect([said("node-a", "p50"), said("node-a", "count")]).toEqual(["5 ms", "10×"]);
    expect(drawing.svg.getAttribute("data-detail")).toBe("middle");
    paint({ edges: { "edge-1": { rate: "7/s" } } }, { ...ALL, detail: "far" });
    expect(drawing.edges.get("edge-1")?.rate?.text.textContent).toBe("5/s");
    paint();
    expect(said("node-a", "count")).toBe("20×");
    expect(drawing.edges.get("edge-1")?.rate?.text.textContent).toBe("7/s");
  });

  it("passes over nodes and edges that the picture does not have", () => {
    expect(
      touched(() => {
        paint({ nodes: { "node-x": node() }, edges: { "edge-x": { rate: "1/s" } } });
      }),
    ).toEqual([]);
  });

  it("shows a hostile text as text", () => {
    paint({ nodes: { "node-a": { now: "<img src=x onerror=alert(1)>" } } });
    expect(said("node-a", "now")).toBe("<img src=x onerror=alert(1)>");
    expect(drawing.svg.querySelector("img")).toBeNull();
  });
});
