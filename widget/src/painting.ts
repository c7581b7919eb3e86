/** When to paint: once for each of the browser's frames at most, and only what people can see. */

import type { Scope } from "./scope.ts";

export class Painting {
  onPaint: () => void = () => undefined;
  /** It can be seen again. */
  onShown: () => void = () => undefined;

  #onScreen = true;
  #visible = true;
  #asked = 0;
  #wanted = false;

  constructor(element: Element, scope: Scope) {
    const changed = (): void => {
      this.#setVisible(this.#onScreen && !document.hidden);
    };
    this.#visible = !document.hidden;
    scope.listen(document, "visibilitychange", changed);
    if (typeof IntersectionObserver !== "undefined") {
      const observer = new IntersectionObserver((entries) => {
        this.#onScreen = entries.at(-1)?.isIntersecting ?? true;
        changed();
      });
      observer.observe(element);
      scope.atEnd(() => {
        observer.disconnect();
      });
    }
    scope.atEnd(() => {
      cancelAnimationFrame(this.#asked);
    });
  }

  /** Paints at the next frame; or, unseen, when it can be seen again. */
  request(): void {
    this.#wanted = true;
    if (this.#visible && !this.#asked) {
      this.#asked = requestAnimationFrame(() => {
        this.#asked = 0;
        this.#wanted = false;
        this.onPaint();
      });
    }
  }

  #setVisible(visible: boolean): void {
    if (visible === this.#visible) {
      return;
    }
    this.#visible = visible;
    if (!visible) {
      cancelAnimationFrame(this.#asked);
      this.#asked = 0;
      return;
    }
    if (this.#wanted) {
      this.request();
    }
    this.onShown();
  }
}
