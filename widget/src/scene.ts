/** A picture on the page: drawn, or as a table where the kernel could not lay it out. */

import { Drawing } from "./drawing.ts";
import type { Box } from "./drawing.ts";
import type { Dirty, Figures } from "./figures.ts";
import { Keyboard } from "./keyboard.ts";
import type { Picture } from "./messages.ts";
import { Painter } from "./painter.ts";
import type { Percentile, Sight } from "./painter.ts";
import type { Scope } from "./scope.ts";
import { Table } from "./table.ts";

export interface Scene {
  readonly element: Element;
  readonly drawing: Drawing | null;
  paint(figures: Figures, dirty: Dirty, percentile: Percentile, sight: Sight): void;
  /** Lets all others fade; null: none. */
  keep(ids: ReadonlySet<string> | null): void;
  /** Puts a ring around one, and makes it the tab stop. */
  mark(id: string | null): void;
  /** Shows which one the panel is about. */
  opened(id: string | null): void;
  focus(id: string): void;
  box(id: string): Box | null;
}

export interface SceneOptions {
  picture: Picture;
  figures: Figures;
  /** What it stands in. */
  surface: HTMLElement;
  scope: Scope;
  open: (id: string) => void;
  focused: (id: string) => void;
}

export function makeScene(options: SceneOptions): Scene {
  const drawing = Drawing.of(options.picture);
  return drawing ? new DrawnScene(drawing, options) : new Table(options);
}

/** How often a screen reader may find new words. */
const RELABEL_MS = 3000;

class DrawnScene implements Scene {
  readonly element: SVGSVGElement;
  readonly drawing: Drawing;
  readonly #painter: Painter;
  readonly #keyboard: Keyboard;
  #marked: string | null = null;
  #opened: string | null = null;
  readonly #scope: Scope;
  /** Of these a screen reader would still hear how they were. */
  readonly #unsaid = new Set<string>();
  #saying = false;

  constructor(drawing: Drawing, options: SceneOptions) {
    const { picture, figures, scope } = options;
    this.#scope = scope;
    this.drawing = drawing;
    this.element = drawing.svg;
    this.element.setAttribute("role", "group");
    this.element.setAttribute("aria-roledescription", "graph");
    this.element.setAttribute("aria-label", picture.headline || picture.name);
    for (const one of this.element.querySelectorAll(".gnb-edge, .gnb-rate, .gnb-label")) {
      one.setAttribute("aria-hidden", "true");
    }
    this.#painter = new Painter(drawing);
    this.#keyboard = new Keyboard({
      ...options,
      drawing,
      describe: (id) => figures.nodes.get(id)?.said ?? picture.nodes[id]?.title ?? "",
    });
  }

  paint(figures: Figures, dirty: Dirty, percentile: Percentile, sight: Sight): void {
    this.#painter.paint(figures, dirty, percentile, sight);
    for (const id of dirty.nodes) {
      this.#unsaid.add(id);
    }
    if (!this.#saying && this.#unsaid.size > 0) {
      this.#say();
    }
  }

  /** At once, and then no more for a while: nobody listens ten times a second. */
  #say(): void {
    this.#keyboard.relabel(this.#unsaid);
    this.#unsaid.clear();
    this.#saying = true;
    this.#scope.after(RELABEL_MS, () => {
      this.#saying = false;
      if (this.#unsaid.size > 0) {
        this.#say();
      }
    });
  }

  keep(ids: ReadonlySet<string> | null): void {
    this.element.classList.toggle("gnb-searched", ids !== null);
    for (const [id, { group }] of this.drawing.nodes) {
      group.classList.toggle("gnb-found", ids?.has(id) ?? false);
    }
  }

  mark(id: string | null): void {
    this.drawing.nodes.get(this.#marked ?? "")?.group.classList.remove("gnb-marked");
    this.drawing.nodes.get(id ?? "")?.group.classList.add("gnb-marked");
    this.#marked = id;
  }

  opened(id: string | null): void {
    this.drawing.nodes.get(this.#opened ?? "")?.group.classList.remove("gnb-opened");
    this.drawing.nodes.get(id ?? "")?.group.classList.add("gnb-opened");
    this.#opened = id;
  }

  focus(id: string): void {
    this.#keyboard.focus(id);
  }

  box(id: string): Box | null {
    return this.drawing.nodes.get(id)?.box ?? null;
  }
}
