/** What is to be told, a line each, above the picture; screen readers say it when they pause. */

import { button, make } from "./dom.ts";
import { KernelError } from "./kernel.ts";
import type { Scope } from "./scope.ts";

interface Offer {
  label: string;
  take: () => void;
}

const MOST = 3;

export class Notices {
  readonly element = make("div", { class: "gnb-notices", "aria-live": "polite" });
  readonly #scope: Scope;
  readonly #shown: HTMLElement[] = [];
  #said: HTMLElement | null = null;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  /** What failed, and what to do about it. */
  fail(error: unknown): void {
    if (error instanceof KernelError) {
      this.#add("error", error.message, error.hint);
    } else {
      this.#add("error", String(error));
    }
  }

  /** Something that passes, as may be. */
  warn(message: string): HTMLElement {
    return this.#add("warning", message);
  }

  /** How an act went; in place of what was said of the one before. */
  say(message: string, offer?: Offer): void {
    this.dismiss(this.#said);
    this.#said = this.#add("said", message, "", offer);
  }

  dismiss(notice: HTMLElement | null): void {
    const at = notice ? this.#shown.indexOf(notice) : -1;
    if (at >= 0) {
      this.#shown.splice(at, 1)[0]?.remove();
    }
  }

  #add(kind: string, message: string, hint = "", offer?: Offer): HTMLElement {
    const text = make("span", { class: "gnb-notice-text" }, message);
    if (hint) {
      text.append(" ", make("span", { class: "gnb-hint" }, `hint: ${hint}`));
    }
    const notice = make("div", { class: "gnb-notice", "data-kind": kind }, text);
    if (offer) {
      const taken = button(offer.label, { class: "gnb-link" });
      this.#scope.listen(taken, "click", offer.take);
      notice.append(taken);
    }
    const close = button("×", { class: "gnb-close", "aria-label": "dismiss" });
    this.#scope.listen(close, "click", () => {
      this.dismiss(notice);
    });
    notice.append(close);
    const same = this.#shown.find((one) => one.textContent === notice.textContent);
    this.dismiss(same ?? (this.#shown.length >= MOST ? (this.#shown[0] ?? null) : null));
    this.#shown.push(notice);
    this.element.append(notice);
    return notice;
  }
}
