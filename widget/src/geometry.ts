/** Which node is next, by where they stand. */

import type { Box } from "./drawing.ts";

export type Direction = "left" | "right" | "up" | "down";

/** How much further a node seems that is off to the side. */
const ASIDE = 2;

/** The nearest node in that direction, or null. */
export function nearest(
  boxes: Iterable<readonly [string, Box]>,
  from: Box,
  direction: Direction,
): string | null {
  let best: string | null = null;
  let least = Infinity;
  for (const [id, box] of boxes) {
    const [along, aside] = way(from, box, direction);
    const cost = along + ASIDE * aside;
    if (along > 1 && cost < least) {
      best = id;
      least = cost;
    }
  }
  return best;
}

/** How far it is from middle to middle: in the direction, and aside from it. */
function way(from: Box, to: Box, direction: Direction): [number, number] {
  const x = to.x + to.width / 2 - (from.x + from.width / 2);
  const y = to.y + to.height / 2 - (from.y + from.height / 2);
  switch (direction) {
    case "left":
      return [-x, Math.abs(y)];
    case "right":
      return [x, Math.abs(y)];
    case "up":
      return [-y, Math.abs(x)];
    case "down":
      return [y, Math.abs(x)];
  }
}
