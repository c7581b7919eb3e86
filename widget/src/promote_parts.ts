/** What is shown of a promotion: what it is at, and its plan. Each changes in place. */

import { make, setAttribute, setHidden, setText } from "./dom.ts";
import type { Promotion } from "./messages.ts";

const SIGNS = { at: "●", done: "✓", failed: "✗" };

/** Whether it is under way. */
export function works({ stage }: Promotion): boolean {
  return stage === "planning" || stage === "rolling out";
}

export function steps(): {
  element: HTMLElement;
  show(steps: Promotion["steps"], last: keyof typeof SIGNS): void;
} {
  // New steps are said by screen readers, not what changes in one.
  const element = make("ol", {
    class: "gnb-steps",
    "aria-live": "polite",
    "aria-relevant": "additions",
  });
  return {
    element,
    show(steps, last) {
      setHidden(element, steps.length === 0);
      while (element.childElementCount > steps.length) {
        element.lastElementChild?.remove();
      }
      for (const [index, { said, parts }] of steps.entries()) {
        const line = element.children[index] ?? element.appendChild(step());
        const how = index === steps.length - 1 ? last : "done";
        const [sign, text, each] = line.children;
        if (sign && text && each instanceof HTMLElement) {
          setAttribute(line, "data-step", how);
          setText(sign, SIGNS[how]);
          setText(text, said);
          setText(each, parts.join("\n"));
          setHidden(each, how !== "at" || parts.length === 0);
        }
      }
    },
  };
}

function step(): HTMLElement {
  return make(
    "li",
    {},
    make("span", { class: "gnb-sign", "aria-hidden": "true" }),
    make("span"),
    make("code"),
  );
}

/** Puts the lines of a plan into an element, unless they stand there already. */
export function fillPlan(element: HTMLElement, plan: Promotion["plan"]): void {
  const text = plan.map((line) => line.text).join("\n");
  if (element.textContent !== text) {
    element.replaceChildren(
      ...plan.flatMap((line, index) => [
        index > 0 ? "\n" : "",
        make("span", { "data-sign": line.sign || undefined }, line.text),
      ]),
    );
  }
}
