import { beforeEach, describe, expect, it } from "vitest";

import { Drawing } from "../src/drawing.ts";
import { Scope } from "../src/scope.ts";
import { Zoom } from "../src/zoom.ts";
import { picture, SVG } from "./examples.ts";

let area: HTMLElement;
let zoom: Zoom;

/** The page is laid out nowhere here: this says how large things would be. */
function lay(width: number, height: number): void {
  for (const [name, value] of [
    ["offsetWidth", width + 2],
    ["clientWidth", width],
    ["clientHeight", height],
  ] as const) {
    Object.defineProperty(area, name, { configurable: true, value });
  }
}

function show(width: number, height: number): Drawing {
  const svg = SVG.replace('width="400" height="300"', `width="${width}" height="${height}"`);
  const drawing = Drawing.of(picture({ svg }));
  if (!drawing) {
    throw new Error("the example can't be read");
  }
  area.replaceChildren(drawing.svg);
  zoom.show(drawing);
  return drawing;
}

function wheel(deltaY: number, more: WheelEventInit = {}): WheelEvent {
  const event = new WheelEvent("wheel", { deltaY, cancelable: true, ...more });
  area.dispatchEvent(event);
  return event;
}

beforeEach(() => {
  area = document.createElement("div");
  lay(800, 500);
  zoom = new Zoom(area, new Scope());
});

describe("zooming", () => {
  it.each([
    ["a small picture as large as it was drawn", 400, 300, "400px"],
    ["a wide one as wide as there is room", 1600, 300, "800px"],
    ["a wide and high one with room for a scrollbar", 1600, 4000, "784px"],
  ])("shows %s", (_, width, height, expected) => {
    expect(show(width, height).svg.style.width).toBe(expected);
  });

  it("leaves the plain wheel to the page", () => {
    const { svg } = show(400, 300);
    expect(wheel(-100).defaultPrevented).toBe(false);
    expect(svg.style.width).toBe("400px");
  });

  it.each([{ ctrlKey: true }, { metaKey: true }])("zooms by the wheel with %j", (keys) => {
    const { svg } = show(400, 300);
    expect(wheel(-20, keys).defaultPrevented).toBe(true);
    expect(Number.parseFloat(svg.style.width)).toBeGreaterThan(430);
  });

  it("keeps what is under the pointer under it", () => {
    show(3000, 3000);
    zoom.fit();
    const under = (): number => {
      const { x, width } = zoom.sight.view;
      return x + (300 * width) / 800;
    };
    const before = under();
    wheel(-60, { ctrlKey: true, clientX: 300, clientY: 100 });
    expect(zoom.sight.view.width).toBeLessThan(2900);
    expect(under()).toBeCloseTo(before, 0);
  });

  it("goes back to what fits, and then to all of it", () => {
    const { svg } = show(400, 1120);
    zoom.larger();
    expect(svg.style.width).toBe("500px");
    zoom.fitMore();
    expect(svg.style.width).toBe("400px");
    zoom.fitMore();
    expect(svg.style.height).toBe("560px");
  });

  it("never goes beyond what can be used", () => {
    const { svg } = show(400, 300);
    for (let turn = 0; turn < 50; turn += 1) {
      zoom.larger();
    }
    expect(svg.style.width).toBe("1200px");
    for (let turn = 0; turn < 50; turn += 1) {
      zoom.smaller();
    }
    expect(svg.style.width).toBe("20px");
  });

  it("keeps the scale that somebody chose when the graph changes", () => {
    show(400, 300);
    zoom.larger();
    expect(show(600, 300).svg.style.width).toBe("750px");
  });

  it("brings a node to the middle, large enough to read", () => {
    const { svg } = show(4000, 400);
    zoom.centre({ x: 2000, y: 100, width: 100, height: 50 });
    expect(svg.style.width).toBe("3200px");
    expect(area.scrollLeft).toBe(2050 * 0.8 - 400);
  });

  it("says what can be seen, and how much of it can be told apart", () => {
    show(4000, 400);
    expect(zoom.sight.detail).toBe("far");
    expect(zoom.sight.view).toEqual({ x: 0, y: 0, width: 4000, height: 2500 });
    zoom.centre({ x: 2000, y: 100, width: 100, height: 50 });
    expect(zoom.sight.detail).toBe("near");
    expect(zoom.sight.view.width).toBe(1000);
  });
});
