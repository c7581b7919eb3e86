/** What can be chosen and done, in a row above the picture. */

import { button, make, setHidden, setText } from "./dom.ts";
import { PERCENTILES } from "./head.ts";
import type { Choice, Choices, Head } from "./messages.ts";
import type { Percentile } from "./painter.ts";
import type { Scope } from "./scope.ts";
import { segments } from "./segments.ts";

/** What somebody wants; `control` is what they pressed. */
export interface Wishes {
  choose: (
    control: HTMLElement,
    choice: { window?: string; against?: string; paused?: boolean },
  ) => void;
  percentile: (percentile: Percentile) => void;
  larger: () => void;
  smaller: () => void;
  fit: () => void;
  again: (control: HTMLElement) => void;
  requests: (control: HTMLElement) => void;
  legend: (control: HTMLElement) => void;
  exportPicture: (control: HTMLElement) => void;
  promote: (control: HTMLElement) => void;
  stop: (control: HTMLElement) => void;
}

export class Toolbar {
  readonly element: HTMLElement;
  readonly #window = make("select", { class: "gnb-select" });
  readonly #against = make("select", { class: "gnb-select" });
  readonly #keep = button("Keep what is shown", {
    class: "gnb-button",
    title: "Compares with the figures as they are now, from now on",
  });
  readonly #pause = button("Pause", { class: "gnb-button gnb-pause" });
  readonly #again = button("Send again", {
    class: "gnb-button",
    title: "Sends the last request once more",
  });
  readonly #promote = button("Promote…", {
    class: "gnb-button",
    title: "Brings the graph to another Ray cluster",
  });
  readonly #stop = button("Stop…", { class: "gnb-button" });
  readonly #zoom: HTMLElement;
  readonly #scope: Scope;
  #choices: Choices | null = null;

  constructor(scope: Scope, id: string, search: HTMLElement, wishes: Wishes) {
    this.#scope = scope;
    const requests = button("Requests…", { class: "gnb-button" });
    const picture = button("Save picture", { class: "gnb-button" });
    const legend = button("?", {
      class: "gnb-button",
      "aria-label": "legend",
      title: "What everything on the picture means",
    });
    this.#zoom = this.#zooms(wishes);
    this.element = make(
      "div",
      { class: "gnb-toolbar", role: "group", "aria-label": "what is shown, and what to do" },
      make(
        "div",
        { class: "gnb-row" },
        make("label", { class: "gnb-labelled" }, "Window", this.#window),
        segments({
          scope,
          name: `${id}-percentile`,
          label: "percentile",
          choices: PERCENTILES,
          chosen: 0,
          choose: (index) => {
            wishes.percentile(index as Percentile);
          },
        }),
        make("label", { class: "gnb-labelled" }, "Compare with", this.#against),
        this.#keep,
      ),
      make(
        "div",
        { class: "gnb-row" },
        search,
        this.#zoom,
        legend,
        make(
          "span",
          { class: "gnb-acts" },
          this.#pause,
          this.#again,
          requests,
          picture,
          this.#promote,
          this.#stop,
        ),
      ),
    );
    scope.listen(this.#window, "change", () => {
      wishes.choose(this.#window, { window: this.#window.value });
    });
    scope.listen(this.#against, "change", () => {
      wishes.choose(this.#against, { against: this.#against.value });
    });
    this.#press(this.#keep, (control) => {
      wishes.choose(control, { against: "pin" });
    });
    this.#press(this.#pause, (control) => {
      wishes.choose(control, { paused: !this.#choices?.paused });
    });
    this.#press(this.#again, wishes.again);
    this.#press(requests, wishes.requests);
    this.#press(legend, wishes.legend);
    this.#press(picture, wishes.exportPicture);
    this.#press(this.#promote, wishes.promote);
    this.#press(this.#stop, wishes.stop);
  }

  /** There is something to zoom. */
  set zooms(can: boolean) {
    setHidden(this.#zoom, !can);
  }

  /** Shows what is chosen; also when a choice failed, and what is shown is not what is. */
  choices(choices: Choices): void {
    this.#choices = choices;
    fill(this.#window, choices.windows, choices.window);
    fill(this.#against, choices.againsts, choices.against);
    setText(this.#pause, choices.paused ? "Resume" : "Pause");
    this.#pause.classList.toggle("gnb-on", choices.paused);
  }

  state(state: Head["state"]): void {
    for (const one of [this.#again, this.#stop, this.#pause]) {
      one.disabled = state === "ended";
    }
  }

  /** A promotion is under way, whether its panel is open or not. */
  set promoting(works: boolean) {
    setText(this.#promote, works ? "Promoting…" : "Promote…");
  }

  #zooms({ smaller, fit, larger }: Wishes): HTMLElement {
    const group = make("span", { class: "gnb-zoom", role: "group", "aria-label": "zoom" });
    for (const [said, label, work] of [
      ["−", "zoom out", smaller],
      ["Fit", "fit the width, or all of it", fit],
      ["+", "zoom in", larger],
    ] as const) {
      const one = button(said, { class: "gnb-button", "aria-label": label, title: label });
      this.#press(one, work);
      group.append(one);
    }
    return group;
  }

  #press(control: HTMLButtonElement, work: (control: HTMLElement) => void): void {
    this.#scope.listen(control, "click", () => {
      work(control);
    });
  }
}

/** The options stay the same elements where they can: an open list would close. */
function fill(select: HTMLSelectElement, choices: readonly Choice[], chosen: string): void {
  const same =
    select.options.length === choices.length &&
    choices.every(({ key, label }, index) => {
      const option = select.options[index];
      return option?.value === key && option.text === label;
    });
  if (!same) {
    select.replaceChildren(
      ...choices.map(({ key, label }) => make("option", { value: key }, label)),
    );
  }
  if (select.value !== chosen) {
    select.value = chosen;
  }
  // Names of benches are long, and cut off.
  select.title = select.selectedOptions[0]?.text ?? "";
}
