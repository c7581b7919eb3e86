import { describe, expect, it } from "vitest";

import type { Box } from "../src/drawing.ts";
import type { Direction } from "../src/geometry.ts";
import { nearest } from "../src/geometry.ts";

function at(x: number, y: number): Box {
  return { x, y, width: 100, height: 50 };
}

/*
 *        top
 *   left     right   far
 *        low
 */
const BOXES = new Map<string, Box>([
  ["top", at(200, 0)],
  ["left", at(50, 100)],
  ["right", at(350, 100)],
  ["far", at(700, 100)],
  ["low", at(200, 200)],
]);

describe("the next node", () => {
  it.each<[string, Direction, string | null]>([
    ["top", "down", "low"],
    ["left", "right", "right"],
    ["right", "right", "far"],
    ["far", "left", "right"],
    ["left", "up", "top"],
    ["low", "up", "top"],
    ["top", "up", null],
    ["far", "right", null],
    ["low", "down", null],
  ])("from %s %s is %s", (from, direction, expected) => {
    const box = BOXES.get(from);
    expect(box && nearest(BOXES, box, direction)).toBe(expected);
  });

  it("can be reached from every node of a layered graph", () => {
    const boxes = new Map<string, Box>();
    for (let row = 0; row < 5; row += 1) {
      for (let column = 0; column <= row; column += 1) {
        boxes.set(`${row}-${column}`, at(400 - row * 60 + column * 120, row * 100));
      }
    }
    const reached = new Set(["0-0"]);
    const todo = ["0-0"];
    for (let id = todo.pop(); id !== undefined; id = todo.pop()) {
      const box = boxes.get(id);
      for (const direction of ["left", "right", "up", "down"] as const) {
        const next = box && nearest(boxes, box, direction);
        if (next && !reached.has(next)) {
          reached.add(next);
          todo.push(next);
        }
      }
    }
    expect(reached.size).toBe(boxes.size);
  });
});
