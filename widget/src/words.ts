/** The few words that are not the kernel's. */

import type { NodeFrame } from "./messages.ts";

/** ▲ and ▼ say it to those who can't tell the colours apart. */
const SIGNS: Record<NodeFrame["trend"], string> = { "": "", same: "", slower: "▲ ", faster: "▼ " };

export function changeText(change: string, trend: NodeFrame["trend"]): string {
  return change && SIGNS[trend] + change;
}

export const WAITING = "waiting for the kernel…";
export const NO_ANSWER = "the kernel does not answer: a cell may be running";
