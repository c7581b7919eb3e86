/** Tabs above one panel whose content changes with them. */

import { button, make } from "./dom.ts";
import type { Scope } from "./scope.ts";

export class Tabs {
  readonly element: HTMLElement;
  readonly panel: HTMLElement;
  readonly #tabs: HTMLButtonElement[];
  readonly #choose: (index: number) => void;

  /**
   * Args:
   *   id: unique on the page; the tabs and the panel name each other by it.
   */
  constructor(
    scope: Scope,
    id: string,
    label: string,
    names: readonly string[],
    choose: (index: number) => void,
  ) {
    this.#choose = choose;
    this.#tabs = names.map((name, index) => {
      const tab = button(name, {
        role: "tab",
        id: `${id}-${index}`,
        "aria-controls": `${id}-panel`,
      });
      scope.listen(tab, "click", () => {
        this.select(index);
      });
      return tab;
    });
    this.element = make(
      "div",
      { class: "gnb-tabs", role: "tablist", "aria-label": label },
      ...this.#tabs,
    );
    this.panel = make("div", { role: "tabpanel", id: `${id}-panel` });
    scope.listen(this.element, "keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (by !== undefined) {
        event.preventDefault();
        event.stopPropagation();
        const count = this.#tabs.length;
        const at = this.#tabs.findIndex((tab) => tab === document.activeElement);
        this.select((at + by + count) % count);
        this.#tabs[(at + by + count) % count]?.focus();
      }
    });
  }

  select(index: number): void {
    for (const [one, tab] of this.#tabs.entries()) {
      tab.setAttribute("aria-selected", String(one === index));
      tab.tabIndex = one === index ? 0 : -1;
    }
    this.panel.setAttribute("aria-labelledby", this.#tabs[index]?.id ?? "");
    this.#choose(index);
  }
}
