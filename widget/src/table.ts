/** The nodes as a table, where there is no Graphviz to lay them out. */

import { button, make, setText } from "./dom.ts";
import type { Dirty, Figures } from "./figures.ts";
import { PERCENTILES } from "./head.ts";
import type { Percentile } from "./painter.ts";
import type { Scene, SceneOptions } from "./scene.ts";
import { changeText } from "./words.ts";

interface Row {
  element: HTMLElement;
  open: HTMLButtonElement;
  cells: HTMLElement[];
}

export class Table implements Scene {
  readonly element: HTMLElement;
  readonly drawing = null;
  readonly #rows = new Map<string, Row>();
  readonly #percentile = make("th", { scope: "col" });

  constructor({ picture, scope, open }: SceneOptions) {
    const head = ["node", "", "calls", "errors", "replicas", "now", "change"].map((name, index) =>
      index === 1 ? this.#percentile : make("th", { scope: "col" }, name),
    );
    const body = make("tbody");
    for (const [id, node] of Object.entries(picture.nodes)) {
      const opener = button(node.title, { class: "gnb-link" });
      scope.listen(opener, "click", () => {
        open(id);
      });
      const cells = Array.from({ length: 6 }, () => make("td"));
      const element = make("tr", {}, make("th", { scope: "row" }, opener), ...cells);
      this.#rows.set(id, { element, open: opener, cells });
      body.append(element);
    }
    this.element = make(
      "table",
      { class: "gnb-table" },
      make("caption", {}, `${picture.headline} (a picture of it takes Graphviz)`),
      make("thead", {}, make("tr", {}, ...head)),
      body,
    );
  }

  paint(figures: Figures, dirty: Dirty, percentile: Percentile): void {
    setText(this.#percentile, PERCENTILES[percentile]);
    for (const id of dirty.nodes) {
      const row = this.#rows.get(id);
      const one = figures.nodes.get(id);
      if (row && one) {
        const { count, errors, replicas, now } = one;
        const change = changeText(one.change, one.trend);
        const said = [one.p[percentile], count, errors, replicas, now, change];
        for (const [index, cell] of row.cells.entries()) {
          setText(cell, said[index] ?? "");
        }
        row.element.classList.toggle("gnb-few", one.few);
      }
    }
  }

  keep(ids: ReadonlySet<string> | null): void {
    for (const [id, { element }] of this.#rows) {
      element.hidden = ids !== null && !ids.has(id);
    }
  }

  mark(id: string | null): void {
    for (const [one, { element }] of this.#rows) {
      element.classList.toggle("gnb-marked", one === id);
    }
  }

  opened(id: string | null): void {
    this.mark(id);
  }

  focus(id: string): void {
    this.#rows.get(id)?.open.focus();
  }

  box(): null {
    return null;
  }
}
