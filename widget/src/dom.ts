/** Making and changing elements. All text from the kernel goes in as text. */

import type { Scope } from "./scope.ts";

type Attributes = Record<string, string | number | boolean | undefined>;

/** An element; attributes that are false or undefined are left out, true ones are empty. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...inside: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...inside);
  return element;
}

/** A button that does not send forms. */
export function button(said: string, attributes: Attributes = {}): HTMLButtonElement {
  return make("button", { type: "button", ...attributes }, said);
}

/** Changes a text in place, and only if it differs: a selection in it stays. */
export function setText(element: Element, text: string): void {
  const first = element.firstChild;
  if (first instanceof Text && first === element.lastChild) {
    if (first.data !== text) {
      first.data = text;
    }
  } else if (element.textContent !== text) {
    element.textContent = text;
  }
}

export function setAttribute(element: Element, name: string, value: string): void {
  if (element.getAttribute(name) !== value) {
    element.setAttribute(name, value);
  }
}

/** Shows it or takes it off the page, without moving it. */
export function setHidden(element: HTMLElement, hidden: boolean): void {
  if (element.hidden !== hidden) {
    element.hidden = hidden;
  }
}

/** Does it when the form is sent: by Enter in a field too, which JupyterLab keeps from forms. */
export function onSubmit(scope: Scope, form: HTMLFormElement, work: () => void): void {
  scope.listen(form, "submit", (event) => {
    event.preventDefault();
    work();
  });
  scope.listen(form, "keydown", (event) => {
    if (event.key === "Enter" && event.target instanceof HTMLInputElement) {
      event.preventDefault();
      work();
    }
  });
}
