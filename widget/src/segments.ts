/** One of a few, side by side: radio buttons, with all that browsers know of them. */

import { make } from "./dom.ts";
import type { Scope } from "./scope.ts";

export function segments(options: {
  scope: Scope;
  name: string;
  label: string;
  choices: readonly string[];
  chosen: number;
  choose: (index: number) => void;
}): HTMLElement {
  const { scope, name, label, choices, chosen, choose } = options;
  const group = make("span", { class: "gnb-segments", role: "radiogroup", "aria-label": label });
  for (const [index, said] of choices.entries()) {
    const radio = make("input", {
      type: "radio",
      name,
      value: said,
      checked: index === chosen,
    });
    scope.listen(radio, "change", () => {
      if (radio.checked) {
        choose(index);
      }
    });
    group.append(make("label", {}, radio, make("span", {}, said)));
  }
  return group;
}
