/** The style sheet: once in each document, since a page works out all its looks anew when one comes. */

/** `widget.css`, put in by what bundles this. */
declare const GRAPHNB_CSS: string;
const CSS = GRAPHNB_CSS;

const ID = "graphnb-live-style";

/** Sees to it that what stands there has its looks. */
export function dress(place: Node): void {
  const root = place.getRootNode();
  const home = root instanceof ShadowRoot ? root : document.head;
  const there = home.querySelector(`#${ID}`);
  if (there?.textContent === CSS) {
    return;
  }
  const style = document.createElement("style");
  style.id = ID;
  style.textContent = CSS;
  // Another one is of another version of graphnb: the last one counts, as with its code.
  there?.remove();
  home.append(style);
}
