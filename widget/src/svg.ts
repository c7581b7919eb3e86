/** SVG text from the kernel, made an element that can do no harm. */

const SVG = "http://www.w3.org/2000/svg";
/** None of them is drawn by the kernel; each could do more than draw. */
const FORBIDDEN = "script, style, foreignObject, iframe, image, use, animate, set";
/** Without any of it no attribute can do more than draw. */
const SUSPECT = /\bon\w+\s*=|href\s*=/i;
/** The kernel writes none; it could spell an attribute in another way. */
const DECLARATION = "<!";

/** The picture, or null if it is none. */
export function parseSvg(text: string): SVGSVGElement | null {
  if (text.includes(DECLARATION)) {
    return null;
  }
  const parsed = new DOMParser().parseFromString(text, "image/svg+xml");
  const root = parsed.documentElement;
  if (
    root.namespaceURI !== SVG ||
    root.localName !== "svg" ||
    parsed.getElementsByTagName("parsererror").length > 0
  ) {
    return null;
  }
  for (const one of root.querySelectorAll(FORBIDDEN)) {
    one.remove();
  }
  if (SUSPECT.test(text)) {
    disarm(root);
  }
  return document.adoptNode(root) as unknown as SVGSVGElement;
}

function disarm(root: Element): void {
  for (const one of [root, ...root.querySelectorAll("*")]) {
    for (const { name } of Array.from(one.attributes)) {
      if (/^on/i.test(name) || /(^|:)href$/i.test(name)) {
        one.removeAttribute(name);
      }
    }
  }
}
