/**
 * The picture by keyboard and by screen reader: one tab stop, arrows go from node to node.
 */

import { setAttribute } from "./dom.ts";
import type { Drawing } from "./drawing.ts";
import type { Direction } from "./geometry.ts";
import { nearest } from "./geometry.ts";
import type { Scope } from "./scope.ts";

const ARROWS: Partial<Record<string, Direction>> = {
  ArrowLeft: "left",
  ArrowRight: "right",
  ArrowUp: "up",
  ArrowDown: "down",
};

export interface KeyboardOptions {
  drawing: Drawing;
  /** What the drawing stands in. An SVG that is listened to for the focus becomes a tab stop. */
  surface: HTMLElement;
  scope: Scope;
  /** All of a node in words. */
  describe: (id: string) => string;
  open: (id: string) => void;
  /** A node was given the focus from here. The browser brings those into view that Tab goes to. */
  focused: (id: string) => void;
}

export class Keyboard {
  readonly #options: KeyboardOptions;
  /** In the order in which they were drawn: the request first, what requests enter last. */
  readonly #ids: string[];
  #current: string | null;

  constructor(options: KeyboardOptions) {
    this.#options = options;
    const { drawing, surface, scope } = options;
    this.#ids = [...drawing.nodes.keys()];
    this.#current = this.#ids[0] ?? null;
    for (const [id, { group }] of drawing.nodes) {
      group.setAttribute("role", "button");
      group.tabIndex = id === this.#current ? 0 : -1;
      this.label(id);
    }
    scope.listen(surface, "keydown", this.#onKey);
    scope.listen(surface, "focusin", ({ target }) => {
      const id = this.#nodeAt(target);
      if (id !== null) {
        this.#setCurrent(id);
        this.label(id);
      }
    });
    scope.listen(surface, "click", ({ target }) => {
      const id = this.#nodeAt(target);
      if (id !== null) {
        this.#setCurrent(id);
        options.open(id);
      }
    });
    // What shows when the mouse rests is made when it comes, not with every tick.
    scope.listen(surface, "pointerover", ({ target }) => {
      const node = drawing.nodes.get(this.#nodeAt(target) ?? "");
      if (node?.title) {
        node.title.textContent = options.describe(node.id) || node.title.textContent;
      }
    });
  }

  /** The tab stop. */
  get current(): string | null {
    return this.#current;
  }

  focus(id: string): void {
    this.#setCurrent(id);
    this.label(id);
    this.#options.drawing.nodes.get(id)?.group.focus({ preventScroll: true });
    this.#options.focused(id);
  }

  /** Says of a node how it is now. */
  label(id: string): void {
    const group = this.#options.drawing.nodes.get(id)?.group;
    const said = this.#options.describe(id).split("\n").join(", ");
    if (group && said) {
      setAttribute(group, "aria-label", said);
    }
  }

  /** Says of these nodes how they are now; not of one that somebody is listening to already. */
  relabel(ids: Iterable<string>): void {
    for (const id of ids) {
      if (this.#options.drawing.nodes.get(id)?.group !== document.activeElement) {
        this.label(id);
      }
    }
  }

  readonly #onKey = (event: KeyboardEvent): void => {
    const id = this.#nodeAt(event.target);
    if (id === null || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const to = this.#target(id, event.key);
    if (to !== null) {
      this.focus(to);
    } else if (event.key === "Enter" || event.key === " ") {
      this.#options.open(id);
    } else if (!(event.key in ARROWS)) {
      return;
    }
    // The page would scroll, and a notebook would go from cell to cell.
    event.preventDefault();
    event.stopPropagation();
  };

  #target(from: string, key: string): string | null {
    const direction = ARROWS[key];
    if (direction) {
      const { nodes } = this.#options.drawing;
      const box = nodes.get(from)?.box;
      return box
        ? nearest(
            Array.from(nodes, ([id, node]) => [id, node.box] as const),
            box,
            direction,
          )
        : null;
    }
    if (key === "Home") {
      return this.#ids[0] ?? null;
    }
    return key === "End" ? (this.#ids.at(-1) ?? null) : null;
  }

  #nodeAt(target: EventTarget | null): string | null {
    const group = target instanceof Element ? target.closest("g.gnb-node") : null;
    return group?.id ?? null;
  }

  #setCurrent(id: string): void {
    const { nodes } = this.#options.drawing;
    if (id === this.#current || !nodes.has(id)) {
      return;
    }
    for (const [one, { group }] of nodes) {
      group.tabIndex = one === id ? 0 : -1;
    }
    this.#current = id;
  }
}
