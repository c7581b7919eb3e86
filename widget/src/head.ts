/** The line above the picture: what runs, how it does, and what the figures are of. */

import { make, setAttribute, setHidden, setText } from "./dom.ts";
import type { Head as Figures, Picture } from "./messages.ts";
import type { Percentile } from "./painter.ts";
import { changeText, WAITING } from "./words.ts";

export const PERCENTILES = ["p50", "p95", "p99"] as const;

export class Head {
  readonly element: HTMLElement;
  readonly #name = make("strong", { class: "gnb-name" });
  readonly #state = make("span", { class: "gnb-state" });
  readonly #waiting = make("span", { class: "gnb-quiet", role: "status" });
  readonly #figures = make("span", { class: "gnb-figures" });
  readonly #rate = figure("gnb-wide");
  readonly #requests = figure("gnb-wide");
  readonly #percentiles = PERCENTILES.map((name) => {
    const value = make("span", { class: "gnb-value" });
    return { value, element: make("span", { class: "gnb-percentile" }, `${name} `, value) };
  });
  readonly #change = figure("gnb-head-change");
  readonly #errors = figure("gnb-failures");
  readonly #now = figure("gnb-wide");
  readonly #of = make("span", { class: "gnb-of" });

  constructor() {
    this.#figures.append(
      this.#rate,
      this.#requests,
      ...this.#percentiles.map((one) => one.element),
      this.#change,
      this.#errors,
      this.#now,
    );
    this.element = make(
      "div",
      { class: "gnb-head" },
      make("span", { class: "gnb-who" }, this.#name, this.#state, this.#waiting),
      this.#figures,
      this.#of,
    );
  }

  /** Says what the picture is of; its figures come later. */
  name(picture: Picture): void {
    setText(this.#name, picture.name);
    this.element.title = picture.headline;
    this.element.dataset["on"] = picture.on;
    setText(this.#state, `on ${picture.on}`);
  }

  /** The kernel has not answered for a while. */
  set waiting(waiting: boolean) {
    setText(this.#waiting, waiting ? WAITING : "");
  }

  paint(figures: Figures, percentile: Percentile): void {
    setAttribute(this.#state, "data-state", figures.state);
    setText(this.#state, `on ${this.element.dataset["on"] ?? ""} · ${figures.state}`);
    setText(this.#rate, figures.rate);
    setText(this.#requests, figures.requests);
    for (const [index, { element, value }] of this.#percentiles.entries()) {
      setText(value, figures.p[index] ?? "");
      element.classList.toggle("gnb-chosen", index === percentile);
      element.classList.toggle("gnb-few", figures.few);
    }
    show(this.#change, changeText(figures.change, figures.trend));
    setAttribute(this.#change, "data-trend", figures.trend);
    show(this.#errors, figures.errors);
    setText(this.#now, figures.now);
    const against = figures.against && `compared with ${figures.against}`;
    setText(this.#of, [figures.window, figures.sampled, against].filter(Boolean).join(" · "));
  }
}

function figure(name: string): HTMLElement {
  return make("span", { class: name });
}

function show(element: HTMLElement, said: string): void {
  setText(element, said);
  setHidden(element, !said);
}
