/** Making and changing elements. All text from the kernel goes in as text. */

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
