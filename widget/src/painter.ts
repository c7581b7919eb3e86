/**
 * Puts figures on a drawing, and touches nothing that shows them already.
 *
 * It runs up to ten times a second for hundreds of nodes: it never asks where something is or how
 * large, save for the badges on a card's corners when their texts change in length.
 */

import { setAttribute, setText } from "./dom.ts";
import type { Badge, Drawing, EdgeElements, NodeElements, Split } from "./drawing.ts";
import { numberOf } from "./drawing.ts";
import type { Dirty, Figures } from "./figures.ts";
import type { EdgeFrame, NodeFrame } from "./messages.ts";
import { changeText } from "./words.ts";

/** Which of p50, p95, p99 is shown. */
export type Percentile = 0 | 1 | 2;

export class Painter {
  readonly #drawing: Drawing;
  readonly #shown = new Map<string, NodeFrame>();
  #percentile: Percentile = 0;

  constructor(drawing: Drawing) {
    this.#drawing = drawing;
  }

  paint(figures: Figures, dirty: Dirty, percentile: Percentile): void {
    if (percentile !== this.#percentile) {
      this.#percentile = percentile;
      this.#shown.clear();
    }
    for (const id of dirty.nodes) {
      const elements = this.#drawing.nodes.get(id);
      const frame = figures.nodes.get(id);
      if (elements && frame) {
        this.#paintNode(elements, frame);
      }
    }
    for (const id of dirty.edges) {
      const elements = this.#drawing.edges.get(id);
      const frame = figures.edges.get(id);
      if (elements && frame) {
        paintEdge(elements, frame);
      }
    }
  }

  #paintNode(to: NodeElements, frame: NodeFrame): void {
    const shown = this.#shown.get(to.id);
    if (shown?.fill !== frame.fill && to.card) {
      setAttribute(to.card, "fill", frame.fill);
    }
    text(to.p, frame.p[this.#percentile]);
    text(to.count, frame.count);
    text(to.share, frame.share);
    text(to.now, frame.now);
    text(to.replicas, frame.replicas);
    const classes = to.group.classList;
    classes.toggle("gnb-critical", frame.critical);
    classes.toggle("gnb-dim", frame.dim);
    classes.toggle("gnb-few", frame.few);
    if (shown?.health !== frame.health) {
      setAttribute(to.group, "data-health", frame.health);
    }
    if (to.errors && shown?.errors !== frame.errors) {
      paintCorner(to.errors, frame.errors);
    }
    if (to.change && (shown?.change !== frame.change || shown.trend !== frame.trend)) {
      paintCorner(to.change, changeText(frame.change, frame.trend));
      setAttribute(to.group, "data-trend", frame.trend);
    }
    if (to.split && shown?.split.join() !== frame.split.join()) {
      paintSplit(to.split, frame.split);
    }
    this.#shown.set(to.id, { ...frame });
  }
}

function paintEdge(to: EdgeElements, frame: EdgeFrame): void {
  const classes = to.group.classList;
  classes.toggle("gnb-critical", frame.critical);
  classes.toggle("gnb-dim", frame.dim);
  classes.toggle("gnb-lit", frame.lit);
  if (to.rate) {
    paintBadge(to.rate, frame.rate);
  }
}

function text(element: Element | null, said: string): void {
  if (element) {
    setText(element, said);
  }
}

function paintBadge(badge: Badge, said: string): void {
  setText(badge.text, said);
  setAttribute(badge.group, "display", said ? "inline" : "none");
}

/** A badge that grows to the left: its right edge stays on the card's corner. */
function paintCorner(badge: Badge, said: string): void {
  const before = badge.text.textContent.length;
  paintBadge(badge, said);
  if (!said || said.length === before) {
    return;
  }
  const right = numberOf(badge.box, "x") + numberOf(badge.box, "width");
  const width = lengthOf(badge.text, said) + 12;
  setAttribute(badge.box, "x", (right - width).toFixed(1));
  setAttribute(badge.box, "width", width.toFixed(1));
  setAttribute(badge.text, "x", (right - width / 2).toFixed(1));
}

function lengthOf(element: Element, said: string): number {
  const measured =
    "getComputedTextLength" in element
      ? (element as SVGTextContentElement).getComputedTextLength()
      : 0;
  // Nothing has a length while it is off the page.
  return measured || said.length * 6.5;
}

function paintSplit({ track, parts }: Split, split: NodeFrame["split"]): void {
  const width = numberOf(track, "width");
  let x = numberOf(track, "x");
  for (const [index, part] of parts.entries()) {
    const wide = width * (split[index] ?? 0);
    setAttribute(part, "x", x.toFixed(1));
    setAttribute(part, "width", wide.toFixed(1));
    x += wide;
  }
}
