import { describe, expect, it } from "vitest";

import { Figures } from "../src/figures.ts";
import { frame, node } from "./examples.ts";

describe("figures", () => {
  it("take of a node only what changed", () => {
    const figures = new Figures();
    figures.replace(frame());
    figures.take();
    expect(figures.merge({ picture: 1, nodes: { "node-a": { count: "11×" } } })).toBe(true);
    expect(figures.nodes.get("node-a")).toEqual(node({ count: "11×" }));
    const dirty = figures.take();
    expect([...dirty.nodes]).toEqual(["node-a"]);
    expect(dirty.edges.size).toBe(0);
    expect(dirty.head).toBe(false);
  });

  it("have nothing to paint twice", () => {
    const figures = new Figures();
    figures.replace(frame());
    expect(figures.take().nodes.size).toBe(3);
    expect(figures.take().nodes.size).toBe(0);
  });

  it("gather what several ticks change until it is painted", () => {
    const figures = new Figures();
    figures.replace(frame());
    figures.take();
    figures.merge({ picture: 1, nodes: { "node-a": { count: "11×" } } });
    figures.merge({ picture: 1, edges: { "edge-1": { lit: true } }, head: { rate: "6/s" } });
    const dirty = figures.take();
    expect([...dirty.nodes, ...dirty.edges]).toEqual(["node-a", "edge-1"]);
    expect(dirty.head).toBe(true);
    expect(figures.head?.rate).toBe("6/s");
  });

  it("take nothing of another picture", () => {
    const figures = new Figures();
    figures.replace(frame());
    expect(figures.merge({ picture: 2, head: { rate: "9/s" } })).toBe(false);
    expect(figures.head?.rate).toBe("5/s");
  });

  it("take no changes before they know all", () => {
    const figures = new Figures();
    expect(figures.merge({ picture: 1, head: { rate: "9/s" } })).toBe(false);
    expect(figures.known).toBe(false);
  });

  it("forget nodes that a new frame does not have", () => {
    const figures = new Figures();
    figures.replace(frame());
    figures.replace(frame({ nodes: { "node-a": node() } }));
    expect([...figures.nodes.keys()]).toEqual(["node-a"]);
  });

  it("do not change the frame that they took", () => {
    const given = frame();
    const figures = new Figures();
    figures.replace(given);
    figures.merge({ picture: 1, nodes: { "node-a": { count: "11×" } }, head: { rate: "6/s" } });
    expect(given).toEqual(frame());
  });

  it("are not led astray by a name that objects have already", () => {
    const figures = new Figures();
    figures.replace(frame());
    const nodes = JSON.parse('{"__proto__": {"count": "1×"}}') as Record<string, object>;
    figures.merge({ picture: 1, nodes });
    expect(({} as { count?: string }).count).toBeUndefined();
    expect(figures.nodes.get("__proto__")).toEqual({ count: "1×" });
  });
});
