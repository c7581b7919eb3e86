/** Which node is next, by where they stand. */

import type { Box } from "./drawing.ts";

export type Direction = "left" | "right" | "up" | "down";

/** How much further a node seems for each pixel that it lies beside the way straight on. */
const BESIDE = 3;
/** Of those straight on, the one that is more in line is preferred. */
const OUT_OF_LINE = 0.3;

/** The nearest node in that direction, or null. */
export function nearest(
  boxes: Iterable<readonly [string, Box]>,
  from: Box,
  direction: Direction,
): string | null {
  let best: string | null = null;
  let least = Infinity;
  for (const [id, box] of boxes) {
    const [along, aside, beside] = way(from, box, direction);
    const cost = along + BESIDE * beside + OUT_OF_LINE * aside;
    if (along > 1 && cost < least) {
      best = id;
      least = cost;
    }
  }
  return best;
}

/** From middle to middle, how far it is in the direction and aside; and the gap beside the way. */
function way(from: Box, to: Box, direction: Direction): [number, number, number] {
  const x = to.x + to.width / 2 - (from.x + from.width / 2);
  const y = to.y + to.height / 2 - (from.y + from.height / 2);
  const across = direction === "left" || direction === "right";
  const along = across ? x : y;
  const aside = Math.abs(across ? y : x);
  const room = across ? (from.height + to.height) / 2 : (from.width + to.width) / 2;
  const ahead = direction === "right" || direction === "down";
  return [ahead ? along : -along, aside, Math.max(0, aside - room)];
}
