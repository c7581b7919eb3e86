/** Changing in place how many replicas a node has, and how much each does at once. */

import type { Acts } from "./acts.ts";
import { button, make, onSubmit, setAttribute, setHidden, setText } from "./dom.ts";
import { copy } from "./files.ts";
import type { NodeDetails } from "./messages.ts";
import type { Scope } from "./scope.ts";
import type { Section } from "./sections.ts";
import { titled } from "./sections.ts";

const NAMES = ["num_replicas", "max_ongoing_requests"] as const;

/** A whole number from 1 on, or null. */
export function parseCount(text: string): number | null {
  const count = /^\s*\d+\s*$/.test(text) ? Number(text) : 0;
  return count >= 1 && Number.isSafeInteger(count) ? count : null;
}

interface Field {
  input: HTMLInputElement;
  label: HTMLElement;
  /** What the kernel says that it is. */
  now: number;
}

export class ScaleForm implements Section {
  readonly element: HTMLElement;
  readonly #node: string;
  readonly #acts: Acts;
  readonly #fields: Field[];
  readonly #apply = make("button", { type: "submit", class: "gnb-button" }, "Apply");
  readonly #wrong = make("p", { class: "gnb-wrong", role: "alert" });
  readonly #note = make("p", { class: "gnb-note" });
  readonly #form: HTMLFormElement;
  readonly #answer: HTMLElement;
  readonly #said = make("span");
  readonly #code = make("pre", { tabindex: 0, role: "group", "aria-label": "code that does it" });

  constructor(scope: Scope, id: string, node: string, acts: Acts) {
    this.#node = node;
    this.#acts = acts;
    this.#wrong.id = `${id}-wrong`;
    this.#fields = NAMES.map((name) => {
      const input = make("input", {
        type: "number",
        class: "gnb-field",
        name,
        min: 1,
        step: 1,
        required: true,
        "aria-describedby": this.#wrong.id,
      });
      return { input, label: make("label", {}, make("code", {}, name), input), now: 1 };
    });
    this.#form = make(
      "form",
      { class: "gnb-scale", novalidate: true },
      ...this.#fields.map((field) => field.label),
      this.#apply,
    );
    const copying = button("Copy", { class: "gnb-button" });
    this.#answer = make(
      "div",
      { class: "gnb-answer", role: "status" },
      this.#said,
      make("div", { class: "gnb-code" }, this.#code, copying),
    );
    this.element = titled("Scale", this.#form, this.#wrong, this.#note, this.#answer);
    setHidden(this.#answer, true);
    scope.listen(this.#form, "input", () => {
      this.#check();
    });
    onSubmit(scope, this.#form, () => {
      void this.#send();
    });
    scope.listen(copying, "click", () => {
      void copy(this.#code).then((copied) => {
        setText(copying, copied ? "Copied" : "Selected: press Ctrl+C");
      });
    });
  }

  update({ scale, scale_note }: NodeDetails): void {
    setText(this.#note, scale_note);
    setHidden(this.#form, !scale);
    setHidden(this.element, !scale && !scale_note);
    if (!scale) {
      return;
    }
    for (const [index, field] of this.#fields.entries()) {
      const now = scale[NAMES[index] ?? "num_replicas"];
      // What somebody typed stays, until it is what there is.
      const typed = field.input.value !== "" && field.input.value !== String(field.now);
      field.now = now;
      if (!typed && field.input.value !== String(now)) {
        field.input.value = String(now);
      }
    }
    this.#check();
  }

  /** Whether it can be sent; says what is wrong, if something is. */
  #check(): boolean {
    let changed = false;
    const wrong: string[] = [];
    for (const [index, { input, now }] of this.#fields.entries()) {
      const count = parseCount(input.value);
      changed ||= count !== now;
      setAttribute(input, "aria-invalid", String(count === null));
      if (count === null) {
        wrong.push(`${NAMES[index] ?? ""} is a whole number, at least 1`);
      }
    }
    setText(this.#wrong, wrong.join("; "));
    setHidden(this.#apply, !changed);
    this.#apply.disabled = wrong.length > 0;
    return changed && wrong.length === 0;
  }

  async #send(): Promise<void> {
    const [num_replicas, max_ongoing_requests] = this.#fields.map(({ input }) =>
      parseCount(input.value),
    );
    if (!this.#check() || !num_replicas || !max_ongoing_requests) {
      return;
    }
    const args = { node: this.#node, num_replicas, max_ongoing_requests };
    const answer = await this.#acts.run(this.#apply, "scale", args);
    if (!answer) {
      return;
    }
    // Until the next details come, what was asked for is what there is.
    for (const [index, field] of this.#fields.entries()) {
      field.now = index === 0 ? num_replicas : max_ongoing_requests;
    }
    this.#check();
    setText(this.#said, answer.said);
    setText(this.#code, answer.code);
    setHidden(this.#answer, false);
  }
}
