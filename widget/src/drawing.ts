/**
 * The elements of a picture that figures go to, looked up once.
 *
 * Several pictures may stand on one page with the same ids: nothing is looked up in the document.
 */

import type { Picture } from "./messages.ts";
import { parseSvg } from "./svg.ts";

/** Where a node is, in the picture's own units. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** A rounded box with a text on it that may not be there. */
export interface Badge {
  group: Element;
  box: Element;
  text: Element;
  /** Where it was drawn. */
  at: Box;
}

export interface Split {
  track: Element;
  parts: [Element, Element, Element];
}

/** What a node has; the request has little. */
export interface NodeElements {
  id: string;
  group: SVGGElement;
  box: Box;
  title: Element | null;
  card: Element | null;
  /** Hidden until there are any. */
  figures: Element | null;
  p: Element | null;
  count: Element | null;
  share: Element | null;
  now: Element | null;
  replicas: Element | null;
  errors: Badge | null;
  change: Badge | null;
  split: Split | null;
}

export interface EdgeElements {
  group: Element;
  rate: Badge | null;
}

export class Drawing {
  private static readonly ready = new WeakMap<Picture, Drawing>();
  readonly nodes = new Map<string, NodeElements>();
  readonly edges = new Map<string, EdgeElements>();
  readonly width: number;
  readonly height: number;

  private constructor(readonly svg: SVGSVGElement) {
    this.width = numberOf(svg, "width");
    this.height = numberOf(svg, "height");
    // The area decides how large it is shown.
    svg.removeAttribute("style");
    for (const group of svg.querySelectorAll<SVGGElement>("g.gnb-node")) {
      this.nodes.set(group.id, nodeElements(group));
    }
    const rates = new Map<string, Badge | null>();
    for (const group of svg.querySelectorAll("g.gnb-rate")) {
      rates.set(group.getAttribute("data-edge") ?? "", badge(group));
    }
    for (const group of svg.querySelectorAll("g.gnb-edge")) {
      this.edges.set(group.id, { group, rate: rates.get(group.id) ?? null });
    }
  }

  /** Null where the kernel had no layout, or one that can't be read. */
  static of(picture: Picture): Drawing | null {
    const made = Drawing.ready.get(picture) ?? Drawing.read(picture);
    Drawing.ready.delete(picture); // an element stands in one place: the next view needs its own
    return made;
  }

  /** Reads a picture before there is a view of it, while the kernel still works. */
  static prepare(picture: Picture): void {
    const made = Drawing.read(picture);
    if (made) {
      Drawing.ready.set(picture, made);
    }
  }

  private static read(picture: Picture): Drawing | null {
    const svg = picture.svg ? parseSvg(picture.svg) : null;
    return svg && new Drawing(svg);
  }
}

export function numberOf(element: Element, attribute: string): number {
  return Number.parseFloat(element.getAttribute(attribute) ?? "") || 0;
}

function nodeElements(group: SVGGElement): NodeElements {
  const find = (selector: string): Element | null => group.querySelector(selector);
  const card = find(".gnb-card");
  return {
    id: group.id,
    group,
    box: boxOf(card ?? group),
    title: find("title"),
    card,
    figures: find(".gnb-figures"),
    p: find(".gnb-p50"),
    count: find(".gnb-count"),
    share: find(".gnb-share"),
    now: find(".gnb-now"),
    replicas: find(".gnb-replicas"),
    errors: badge(find(".gnb-errors")),
    change: badge(find(".gnb-change")),
    split: split(find(".gnb-split")),
  };
}

function boxOf(element: Element): Box {
  return {
    x: numberOf(element, "x"),
    y: numberOf(element, "y"),
    width: numberOf(element, "width"),
    height: numberOf(element, "height"),
  };
}

function badge(group: Element | null): Badge | null {
  const box = group?.querySelector("rect");
  const text = group?.querySelector("text");
  return group && box && text ? { group, box, text, at: boxOf(box) } : null;
}

function split(group: Element | null): Split | null {
  const [track, queued, executing, transport] = ["track", "queued", "executing", "transport"].map(
    (name) => group?.querySelector(`.gnb-${name}`),
  );
  return track && queued && executing && transport
    ? { track, parts: [queued, executing, transport] }
    : null;
}
