import { beforeEach, describe, expect, it, vi } from "vitest";

import type { Scene } from "../src/scene.ts";
import { Scope } from "../src/scope.ts";
import { matches, Search } from "../src/search.ts";
import { picture } from "./examples.ts";

const { nodes } = picture();

describe("matches", () => {
  it.each([
    ["model", ["node-b", "node-c"]],
    ["TOKEN", ["node-a"]],
    ["  req ", ["node-request"]],
    ["", []],
    ["nothing like it", []],
  ])("of %j are %j", (query, expected) => {
    expect(matches(nodes, query)).toEqual(expected);
  });
});

describe("the search", () => {
  let search: Search;
  let field: HTMLInputElement;
  const scene = { keep: vi.fn(), mark: vi.fn(), focus: vi.fn() };
  const went: string[] = [];

  function type(text: string): void {
    field.value = text;
    field.dispatchEvent(new Event("input"));
  }

  function press(key: string, shiftKey = false): void {
    field.dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey, cancelable: true }));
  }

  beforeEach(() => {
    vi.clearAllMocks();
    went.length = 0;
    search = new Search(new Scope());
    search.show(scene as unknown as Scene, nodes);
    search.onMatch = (id) => went.push(id);
    const found = search.element.querySelector("input");
    if (!found) {
      throw new Error("there is no field");
    }
    field = found;
  });

  it("keeps the matches, and lets all others fade", () => {
    type("model");
    expect(scene.keep).toHaveBeenLastCalledWith(new Set(["node-b", "node-c"]));
    expect(search.element.textContent).toBe("2 found");
  });

  it("lets all fade where nothing matches, and says so", () => {
    type("nothing like it");
    expect(scene.keep).toHaveBeenLastCalledWith(new Set());
    expect(search.element.textContent).toBe("none found");
    press("Enter");
    expect(went).toEqual([]);
  });

  it("goes round the matches with Enter, and back with Shift", () => {
    type("model");
    press("Enter");
    press("Enter");
    press("Enter");
    press("Enter", true);
    expect(went).toEqual(["node-b", "node-c", "node-b", "node-c"]);
    expect(scene.mark).toHaveBeenLastCalledWith("node-c");
    expect(search.element.textContent).toBe("2 of 2");
  });

  it("begins with the last when it goes back", () => {
    type("model");
    press("Enter", true);
    expect(went).toEqual(["node-c"]);
  });

  it("gives the focus to a match with the down arrow", () => {
    type("model");
    press("Enter");
    press("ArrowDown");
    expect(scene.focus).toHaveBeenCalledWith("node-b");
  });

  it("is cleared by Escape", () => {
    type("model");
    press("Escape");
    expect(field.value).toBe("");
    expect(scene.keep).toHaveBeenLastCalledWith(null);
    expect(search.element.textContent).toBe("");
  });
});
