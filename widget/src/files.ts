/** Giving files and texts to the person in front of the page. */

import { make } from "./dom.ts";
import type { Saved } from "./messages.ts";

/** Saves it where the browser saves what it downloads. */
export function save({ name, type, text }: Saved): void {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = make("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  // The download begins after this task: some browsers read the address only then.
  setTimeout(() => {
    URL.revokeObjectURL(address);
  }, 10_000);
}

/** Puts the text of an element on the clipboard; answers whether that went well. */
export async function copy(element: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(element.textContent);
    return true;
  } catch {
    // Not on a page that came by plain http, or not allowed in this frame: selected, it can be
    // copied by hand.
    getSelection()?.selectAllChildren(element);
    return false;
  }
}
