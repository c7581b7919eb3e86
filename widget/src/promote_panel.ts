/** Promoting the graph to another cluster: where to, the plan, and how it is rolled out. */

import type { Acts } from "./acts.ts";
import { setBusy } from "./acts.ts";
import { button, make, onSubmit, setAttribute, setHidden, setText } from "./dom.ts";
import { KernelError } from "./kernel.ts";
import type { Promotion, Targets, Verb, Verbs } from "./messages.ts";
import type { Content } from "./panel.ts";
import { fillPlan, steps, works } from "./promote_parts.ts";
import type { Scope } from "./scope.ts";

export interface PromotePanelOptions {
  acts: Acts;
  /** Ends with the panel. */
  scope: Scope;
  close: () => void;
}

export class PromotePanel implements Content {
  readonly element: HTMLElement;
  readonly wide = true;
  readonly #acts: Acts;
  readonly #scope: Scope;
  readonly #target = make("select", { class: "gnb-select", required: true });
  readonly #name = make("input", {
    class: "gnb-field",
    autocomplete: "off",
    spellcheck: "false",
    maxlength: 100,
    required: true,
  });
  readonly #plan = make("button", { type: "submit", class: "gnb-button" }, "Plan");
  readonly #none = make("div", { class: "gnb-none", hidden: true });
  readonly #form: HTMLFormElement;
  readonly #steps = steps();
  readonly #lines = make("pre", {
    class: "gnb-plan",
    tabindex: 0,
    role: "group",
    "aria-label": "plan",
  });
  readonly #warnings = make("ul", { class: "gnb-warnings", "aria-label": "warnings" });
  readonly #told = make("div", { class: "gnb-told", role: "status" });
  readonly #rollOut = button("Roll out", { class: "gnb-button gnb-go" });
  readonly #cancel = button("Cancel", { class: "gnb-button" });
  #promotion: Promotion | null = null;
  /** What a question was answered with; goes with the next answer. */
  #refused: { message: string; hint: string } | null = null;

  constructor({ acts, scope, close }: PromotePanelOptions) {
    this.#acts = acts;
    this.#scope = scope;
    const closing = button("Close", { class: "gnb-button" });
    this.#form = make(
      "form",
      { class: "gnb-row", hidden: true },
      make("label", { class: "gnb-labelled" }, "Target", this.#target),
      make("label", { class: "gnb-labelled" }, "Name there", this.#name),
      this.#plan,
    );
    this.element = make(
      "div",
      { class: "gnb-promote" },
      this.#none,
      this.#form,
      this.#lines,
      this.#warnings,
      this.#steps.element,
      this.#told,
      make("div", { class: "gnb-row" }, this.#rollOut, this.#cancel, closing),
    );
    onSubmit(scope, this.#form, () => {
      if (!this.#plan.disabled) {
        const args = { target: this.#target.value, application: this.#name.value.trim() };
        void this.#ask(this.#plan, "plan", args);
      }
    });
    scope.listen(this.#form, "input", () => {
      this.#enable();
    });
    scope.listen(this.#rollOut, "click", () => {
      if (this.#promotion) {
        void this.#ask(this.#rollOut, "roll_out", { plan: this.#promotion.number });
      }
    });
    scope.listen(this.#cancel, "click", () => {
      void this.#ask(this.#cancel, "cancel", {});
    });
    scope.listen(closing, "click", close);
    this.#paint();
  }

  /** Asks where the graph can go, and how far it is. */
  async look(control: HTMLElement | null = null): Promise<void> {
    const answer = await this.#run(control, "promotion", {});
    if (answer) {
      this.#offer(answer);
      this.take(answer.promotion);
      this.#paint();
    }
  }

  /** How the promotion is now, unless something later is shown. */
  take(promotion: Promotion): void {
    if (!this.#promotion || promotion.revision >= this.#promotion.revision) {
      this.#promotion = promotion;
      this.#paint();
    }
  }

  close(): void {
    this.#scope.close();
  }

  async #ask<V extends "plan" | "roll_out" | "cancel">(
    control: HTMLElement,
    verb: V,
    args: Verbs[V]["args"],
  ): Promise<void> {
    const promotion = await this.#run(control, verb, args);
    if (promotion) {
      this.take(promotion);
    }
  }

  async #run<V extends Verb>(
    control: HTMLElement | null,
    verb: V,
    args: Verbs[V]["args"],
  ): Promise<Verbs[V]["answer"] | null> {
    this.#refused = null;
    const answer = await this.#acts.run(control, verb, args, (error) => {
      const hint = error instanceof KernelError ? error.hint : "";
      const message = error instanceof Error ? error.message : String(error);
      this.#refused = { message, hint };
    });
    if (this.#scope.closed) {
      return null;
    }
    this.#paint();
    return answer;
  }

  #offer({ targets, name, none, promotion }: Targets & { promotion: Promotion }): void {
    const hadFocus = this.#none.contains(document.activeElement);
    setHidden(this.#form, targets.length === 0);
    setHidden(this.#none, !none);
    if (none) {
      const again = button("Look again", { class: "gnb-button" });
      this.#scope.listen(again, "click", () => {
        void this.look(again);
      });
      this.#none.replaceChildren(
        make("p", {}, none.message, " ", make("span", { class: "gnb-hint" }, `hint: ${none.hint}`)),
        make("pre", { tabindex: 0, role: "group", "aria-label": "example" }, none.example),
        again,
      );
    }
    // What somebody has chosen stays; else what was planned last, or the only one.
    const wanted = this.#target.value || promotion.target;
    const chosen =
      targets.find((one) => one === wanted) ?? (targets.length === 1 ? targets[0] : "");
    const options = targets.map((one) => make("option", { value: one }, one));
    this.#target.replaceChildren(
      make("option", { value: "", hidden: true }, "choose…"),
      ...options,
    );
    this.#target.value = chosen ?? "";
    this.#name.value ||= promotion.application || name;
    if (hadFocus) {
      (none ? this.#none.querySelector("button") : this.#target)?.focus();
    }
  }

  #paint(): void {
    const shown = this.#promotion;
    const warnings = shown?.warnings ?? [];
    const failed = shown?.stage === "failed";
    // The last steps of a rollout that failed put back what ran before.
    const last = this.#works ? "at" : shown?.plan.length ? "done" : "failed";
    this.#steps.show(this.#works || failed ? (shown?.steps ?? []) : [], last);
    fillPlan(this.#lines, shown?.plan ?? []);
    setHidden(this.#lines, !shown?.plan.length);
    setHidden(this.#warnings, warnings.length === 0);
    this.#warnings.replaceChildren(...warnings.map((one) => make("li", {}, one)));
    this.#tell();
    setHidden(this.#rollOut, this.#form.hidden);
    setHidden(this.#cancel, !this.#works);
    setText(this.#cancel, shown?.cancelling ? "Cancelling…" : "Cancel");
    setBusy(this.#cancel, shown?.cancelling ?? false);
    this.#enable();
  }

  /** How it went, or why it did not. */
  #tell(): void {
    const error = this.#refused ?? this.#promotion?.error;
    const { stage = "none", empty = false, said = "", url = "" } = this.#promotion ?? {};
    const parts: (Node | string)[] = [];
    if (error) {
      parts.push(make("span", { class: "gnb-message" }, error.message));
      if (error.hint) {
        parts.push(make("span", { class: "gnb-hint" }, `hint: ${error.hint}`));
      }
    } else if (stage === "done") {
      parts.push(said, address(url));
    } else if (stage === "planned" && empty) {
      parts.push("Nothing to do: this release runs there.");
    }
    const kind = error ? "error" : "said";
    setAttribute(this.#told, "data-kind", kind);
    setHidden(this.#told, parts.length === 0);
    this.#told.replaceChildren(...parts);
  }

  /** What can be pressed now; the focus goes on from what no longer can. */
  #enable(): void {
    const shown = this.#promotion;
    const focused = document.activeElement;
    this.#plan.disabled = this.#works || !this.#target.value || !this.#name.value.trim();
    this.#rollOut.disabled = shown?.stage !== "planned" || shown.empty;
    const buttons = [this.#plan, this.#rollOut, this.#cancel];
    if (buttons.some((one) => one === focused && (one.disabled || one.hidden))) {
      [this.#cancel, this.#rollOut, this.#plan]
        .find((one) => !one.disabled && !one.hidden)
        ?.focus();
    }
  }

  get #works(): boolean {
    return this.#promotion !== null && works(this.#promotion);
  }
}

/** A link, if it is one of the web's. */
function address(url: string): HTMLElement {
  return /^https?:\/\//i.test(url)
    ? make("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, url)
    : make("span", {}, url);
}
