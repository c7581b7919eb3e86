/** What everything on the picture means. */

import { make } from "./dom.ts";
import type { Content } from "./panel.ts";

/** A sample, its class for looks, and what it means. */
const NODES: readonly (readonly [string, string, string])[] = [
  ["12.3 ms", "time", "what callers of the node waited: p50, p95 or p99"],
  ["12.3 ms", "few", "fewer than 20 calls: it says little"],
  ["226×", "", "of how many calls it is"],
  ["45 %", "heat", "its share of the critical path; the deeper the colour, the more"],
  ["", "critical", "most requests waited for it"],
  ["2/2", "well", "replicas that answer, of those that are wanted"],
  ["1/2", "moving", "they start, or are updated"],
  ["0/2", "ill", "they are not well"],
  ["3 busy", "", "calls that are under way; queued: that wait for a replica"],
  ["", "bar", "where its time went: before its code, in it, on the way"],
  ["2 errors", "failed", "calls that failed there"],
  ["", "dim", "no request of the window reached it"],
  ["▲ +12 %", "slower", "slower than what it is compared with; counts: before → after"],
  ["▼ −12 %", "faster", "faster"],
];

const LINES: readonly (readonly [string, string])[] = [
  ["data", "a value"],
  ["handle", "a call that code makes through a handle"],
  ["lit", "the same, taken at this moment"],
  ["graph", "a graph, to the deployment that runs it"],
  ["fallback", "to what stands in after a failure"],
  ["path", "most requests waited for it"],
];

export class Legend implements Content {
  readonly wide = false;
  readonly element: HTMLElement;

  constructor() {
    this.element = make(
      "div",
      { class: "gnb-legend" },
      title("Nodes"),
      list(NODES.map(([said, looks, means]) => [sample(said, `gnb-as-${looks}`), means])),
      title("Lines"),
      list(LINES.map(([looks, means]) => [sample("", `gnb-line gnb-as-${looks}`), means])),
    );
  }

  close(): void {
    this.element.remove();
  }
}

function title(said: string): HTMLElement {
  return make("div", { class: "gnb-subtitle", role: "heading", "aria-level": 4 }, said);
}

function list(entries: readonly (readonly [HTMLElement, string])[]): HTMLElement {
  return make(
    "dl",
    {},
    ...entries.flatMap(([shown, means]) => [make("dt", {}, shown), make("dd", {}, means)]),
  );
}

function sample(said: string, looks: string): HTMLElement {
  // What has no words is a picture of what the words beside it say.
  return make("span", { class: `gnb-sample ${looks}`, "aria-hidden": !said }, said);
}
