/**
 * Puts figures on a drawing, and touches nothing that shows them already, or that nobody can see.
 *
 * It runs up to ten times a second for hundreds of nodes. What costs is not this code but what the
 * browser does after it, about 20 µs for each text: so what is out of view, or too small to read,
 * stays as it was until somebody can see it. It never asks where something is or how large.
 */

import { setAttribute, setText } from "./dom.ts";
import type { Badge, Box, Drawing, EdgeElements, NodeElements, Split } from "./drawing.ts";
import { numberOf } from "./drawing.ts";
import type { Dirty, Figures } from "./figures.ts";
import type { EdgeFrame, NodeFrame } from "./messages.ts";
import { changeText } from "./words.ts";

/** Which of p50, p95, p99 is shown. */
export type Percentile = 0 | 1 | 2;

/** What can be told apart: colours alone, large type as well, everything. `widget.css` hides it. */
export type Detail = "far" | "middle" | "near";

export interface Sight {
  detail: Detail;
  /** The part that is in view, in the picture's units. */
  view: Box;
}

/** The width of a badge's characters, in the widest of the fonts that may be there. */
const CHARACTER = 6.5;

export class Painter {
  readonly #drawing: Drawing;
  readonly #nodes = new Map<string, Partial<NodeFrame>>();
  readonly #edges = new Map<string, Partial<EdgeFrame>>();
  /** What changed since it was painted, seen or unseen. */
  readonly #staleNodes = new Set<string>();
  readonly #staleRates = new Set<string>();
  #detail: Detail = "near";
  #percentile: Percentile = 0;

  constructor(drawing: Drawing) {
    this.#drawing = drawing;
  }

  paint(figures: Figures, dirty: Dirty, percentile: Percentile, sight: Sight): void {
    if (sight.detail !== this.#detail || percentile !== this.#percentile) {
      this.#detail = sight.detail;
      this.#percentile = percentile;
      setAttribute(this.#drawing.svg, "data-detail", sight.detail);
      addAll(this.#staleNodes, figures.nodes.keys());
    }
    addAll(this.#staleNodes, dirty.nodes);
    addAll(this.#staleRates, dirty.edges);
    for (const id of this.#staleNodes) {
      const elements = this.#drawing.nodes.get(id);
      const frame = figures.nodes.get(id);
      if (elements && frame && !overlap(elements.box, sight.view)) {
        continue;
      }
      this.#staleNodes.delete(id);
      if (elements && frame) {
        this.#paintNode(elements, frame);
      }
    }
    this.#paintEdges(figures, dirty.edges, sight);
  }

  #paintEdges(figures: Figures, dirty: Set<string>, { detail, view }: Sight): void {
    for (const id of dirty) {
      const elements = this.#drawing.edges.get(id);
      const frame = figures.edges.get(id);
      if (elements && frame) {
        this.#paintEdge(id, elements, frame);
      }
    }
    if (detail !== "near") {
      return;
    }
    for (const id of this.#staleRates) {
      const rate = this.#drawing.edges.get(id)?.rate;
      if (!rate || overlap(rate.at, view)) {
        this.#staleRates.delete(id);
        if (rate) {
          paintBadge(rate, figures.edges.get(id)?.rate ?? "");
        }
      }
    }
  }

  #paintEdge(id: string, { group }: EdgeElements, frame: EdgeFrame): void {
    const shown = this.#edges.get(id) ?? {};
    mark(group, "gnb-critical", frame.critical, shown.critical);
    mark(group, "gnb-dim", frame.dim, shown.dim);
    mark(group, "gnb-lit", frame.lit, shown.lit);
    this.#edges.set(id, { critical: frame.critical, dim: frame.dim, lit: frame.lit });
  }

  #paintNode(to: NodeElements, frame: NodeFrame): void {
    const before = this.#nodes.get(to.id);
    if (!before) {
      to.figures?.removeAttribute("display");
    }
    const shown = before ?? {};
    if (to.card && shown.fill !== frame.fill) {
      setAttribute(to.card, "fill", frame.fill);
    }
    mark(to.group, "gnb-critical", frame.critical, shown.critical);
    mark(to.group, "gnb-dim", frame.dim, shown.dim);
    mark(to.group, "gnb-few", frame.few, shown.few);
    if (shown.health !== frame.health) {
      setAttribute(to.group, "data-health", frame.health);
    }
    if (to.errors && shown.errors !== frame.errors) {
      paintCorner(to.errors, frame.errors);
    }
    if (this.#detail !== "far") {
      write(to.p, frame.p[this.#percentile]);
    }
    if (this.#detail === "near") {
      if (to.split) {
        paintSplit(to.split, frame.split);
      }
      write(to.count, frame.count);
      write(to.share, frame.share);
      write(to.now, frame.now);
      write(to.replicas, frame.replicas);
    }
    if (to.change && (shown.change !== frame.change || shown.trend !== frame.trend)) {
      paintCorner(to.change, changeText(frame.change, frame.trend));
      setAttribute(to.group, "data-trend", frame.trend);
    }
    this.#nodes.set(to.id, { ...frame });
  }
}

function addAll<T>(to: Set<T>, more: Iterable<T>): void {
  for (const one of more) {
    to.add(one);
  }
}

/** Whether they touch, or nearly so. */
function overlap(one: Box, other: Box): boolean {
  const around = 40;
  return (
    one.x < other.x + other.width + around &&
    other.x < one.x + one.width + around &&
    one.y < other.y + other.height + around &&
    other.y < one.y + one.height + around
  );
}

function mark(element: Element, name: string, wanted: boolean, shown: boolean | undefined): void {
  if (wanted !== shown) {
    element.classList.toggle(name, wanted);
  }
}

function write(element: Element | null, said: string): void {
  if (element) {
    setText(element, said);
  }
}

function paintBadge({ group, text }: Badge, said: string): void {
  setText(text, said);
  setAttribute(group, "display", said ? "inline" : "none");
}

/** A badge that grows to the left: its right edge stays on the card's corner. */
function paintCorner(badge: Badge, said: string): void {
  const before = badge.text.textContent.length;
  paintBadge(badge, said);
  if (!said || said.length === before) {
    return;
  }
  const right = numberOf(badge.box, "x") + numberOf(badge.box, "width");
  // Measuring it would have the browser lay out the whole picture, for each badge.
  const width = said.length * CHARACTER + 12;
  setAttribute(badge.box, "x", (right - width).toFixed(1));
  setAttribute(badge.box, "width", width.toFixed(1));
  setAttribute(badge.text, "x", (right - width / 2).toFixed(1));
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
