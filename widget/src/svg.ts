/** SVG text from the kernel, made an element that can do no harm. */

const SVG = "http://www.w3.org/2000/svg";
/** None of them is drawn by the kernel; each could do more than draw. */
const FORBIDDEN = "script, style, foreignObject, iframe, image, use, animate, set";

/** The picture, or null if it is none. */
export function parseSvg(text: string): SVGSVGElement | null {
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
  for (const one of [root, ...root.querySelectorAll("*")]) {
    for (const { name } of Array.from(one.attributes)) {
      if (/^on/i.test(name) || /(^|:)href$/i.test(name)) {
        one.removeAttribute(name);
      }
    }
  }
  return document.importNode(root, true) as unknown as SVGSVGElement;
}
