/** A question in place: nothing happens by one key, for it is Cancel that has the focus. */

import { button, make } from "./dom.ts";
import type { Scope } from "./scope.ts";

export interface Question {
  id: string;
  question: string;
  yes: string;
  /** Where the focus goes back to. */
  asker: HTMLElement;
}

/** Asks below `place`; answers whether it was confirmed. */
export function confirm(place: HTMLElement, scope: Scope, asked: Question): Promise<boolean> {
  return new Promise((resolve) => {
    const life = scope.child();
    const cancel = button("Cancel", { class: "gnb-button" });
    const yes = button(asked.yes, { class: "gnb-button gnb-danger" });
    const text = make("span", { id: asked.id }, asked.question);
    const box = make(
      "div",
      { class: "gnb-confirm", role: "alertdialog", "aria-labelledby": asked.id },
      text,
      cancel,
      yes,
    );
    const end = (confirmed: boolean): void => {
      life.close();
      box.remove();
      asked.asker.focus();
      resolve(confirmed);
    };
    life.listen(cancel, "click", () => {
      end(false);
    });
    life.listen(yes, "click", () => {
      end(true);
    });
    life.listen(box, "keydown", (event) => {
      if (event.key === "Escape") {
        event.preventDefault();
        event.stopPropagation();
        end(false);
      }
    });
    place.append(box);
    cancel.focus();
  });
}
