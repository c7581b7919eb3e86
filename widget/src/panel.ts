/** What opens beside the picture: a title, a way to close it, and what it is about. */

import { button, make, setAttribute, setText } from "./dom.ts";
import type { Scope } from "./scope.ts";

export interface Content {
  readonly element: HTMLElement;
  /** It takes the whole width, below the picture. */
  readonly wide: boolean;
  close(): void;
}

export class Panel {
  readonly element: HTMLElement;
  onClosed: () => void = () => undefined;
  readonly #title = make("div", {
    class: "gnb-title",
    role: "heading",
    "aria-level": 3,
    tabindex: -1,
  });
  // Who has no mouse scrolls it by the keys.
  readonly #inside = make("div", { class: "gnb-inside", tabindex: 0 });
  #content: Content | null = null;
  #giveBack: () => void = () => undefined;

  constructor(scope: Scope) {
    const close = button("×", { class: "gnb-close", "aria-label": "close" });
    this.element = make(
      "div",
      { class: "gnb-panel", role: "region", hidden: true },
      make("div", { class: "gnb-panel-head" }, this.#title, close),
      this.#inside,
    );
    scope.listen(close, "click", () => {
      this.close();
    });
    scope.listen(this.element, "keydown", (event) => {
      if (event.key === "Escape" && !event.defaultPrevented) {
        event.preventDefault();
        event.stopPropagation();
        this.close();
      }
    });
    scope.atEnd(() => this.#content?.close());
  }

  get open(): boolean {
    return this.#content !== null;
  }

  /** Shows it in place of what it showed; `giveBack` puts the focus to where it came from. */
  show(title: string, content: Content, giveBack: () => void): void {
    this.#content?.close();
    this.#content = content;
    this.#giveBack = giveBack;
    setText(this.#title, title);
    setAttribute(this.element, "aria-label", title);
    this.#inside.replaceChildren(content.element);
    this.#inside.scrollTop = 0;
    this.element.hidden = false;
    this.element.parentElement?.classList.toggle("gnb-beside", !content.wide);
    this.element.classList.toggle("gnb-across", content.wide);
    this.#title.focus({ preventScroll: true });
    // Below the picture it may be below the page.
    if ("scrollIntoView" in this.element) {
      this.element.scrollIntoView({ block: "nearest" });
    }
  }

  close(): void {
    if (!this.#content) {
      return;
    }
    const hadFocus = this.element.contains(document.activeElement);
    this.#content.close();
    this.#content = null;
    this.element.hidden = true;
    this.element.parentElement?.classList.remove("gnb-beside");
    this.#inside.replaceChildren();
    this.onClosed();
    if (hadFocus) {
      this.#giveBack();
    }
  }
}
