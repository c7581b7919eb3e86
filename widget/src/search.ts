/** Finding nodes of a large graph by name. */

import { make, setText } from "./dom.ts";
import type { NodeInfo } from "./messages.ts";
import type { Scene } from "./scene.ts";
import type { Scope } from "./scope.ts";

/** The ids of the nodes whose title or deployment has it in its name, in the picture's order. */
export function matches(nodes: Record<string, NodeInfo>, query: string): string[] {
  const words = query.trim().toLowerCase();
  if (!words) {
    return [];
  }
  return Object.entries(nodes)
    .filter(([, { title, deployment }]) =>
      [title, deployment].some((name) => name.toLowerCase().includes(words)),
    )
    .map(([id]) => id);
}

export class Search {
  readonly element: HTMLElement;
  /** Somebody goes to a match. */
  onMatch: (id: string) => void = () => undefined;

  readonly #field = make("input", {
    type: "search",
    class: "gnb-field",
    "aria-label": "search nodes",
    placeholder: "search nodes",
    autocomplete: "off",
    spellcheck: "false",
  });
  readonly #found = make("span", { class: "gnb-found-count", role: "status" });
  #scene: Scene | null = null;
  #nodes: Record<string, NodeInfo> = {};
  #matches: string[] = [];
  #at = -1;

  constructor(scope: Scope) {
    this.element = make("span", { class: "gnb-search" }, this.#field, this.#found);
    scope.listen(this.#field, "input", () => {
      this.#search();
    });
    scope.listen(this.#field, "keydown", (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        this.#go(event.shiftKey ? -1 : 1);
      } else if (event.key === "ArrowDown" && this.#at >= 0) {
        event.preventDefault();
        this.#scene?.focus(this.#matches[this.#at] ?? "");
      } else if (event.key === "Escape" && this.#field.value) {
        event.preventDefault();
        event.stopPropagation();
        this.clear();
      }
    });
  }

  /** Looks through another picture for the same. */
  show(scene: Scene, nodes: Record<string, NodeInfo>): void {
    this.#scene = scene;
    this.#nodes = nodes;
    this.#search();
  }

  focus(): void {
    this.#field.focus();
  }

  clear(): void {
    this.#field.value = "";
    this.#search();
  }

  #search(): void {
    const query = this.#field.value.trim();
    this.#matches = matches(this.#nodes, query);
    this.#at = -1;
    this.#scene?.keep(query ? new Set(this.#matches) : null);
    this.#scene?.mark(null);
    this.#say(query ? `${this.#matches.length || "none"} found` : "");
  }

  #go(by: 1 | -1): void {
    const count = this.#matches.length;
    if (count === 0) {
      return;
    }
    this.#at = this.#at < 0 && by < 0 ? count - 1 : (this.#at + by + count) % count;
    const id = this.#matches[this.#at] ?? "";
    this.#scene?.mark(id);
    this.#say(`${this.#at + 1} of ${count}`);
    this.onMatch(id);
  }

  #say(said: string): void {
    setText(this.#found, said);
  }
}
