/** SVG text from the kernel, made an element that can do no harm. */

const SVG = "http://www.w3.org/2000/svg";
/** Whatever else stands in it was not drawn by the kernel, and could do more than draw. */
const ALIEN = /<(?!\/?(?:circle|g|path|polygon|rect|svg|text|title)[\s/>])/i;
/** Without any of it no attribute can do more than draw. */
const SUSPECT = /\bon\w+\s*=|href\s*=/i;

/** The picture, or null if it is none. */
export function parseSvg(text: string): SVGSVGElement | null {
  if (ALIEN.test(text)) {
    return null;
  }
  // As HTML: browsers are twice as quick at that as at XML.
  const { head, body } = new DOMParser().parseFromString(text.trim(), "text/html");
  const root = body.firstElementChild;
  const alone = head.childNodes.length === 0 && body.childNodes.length === 1;
  if (!alone || root?.namespaceURI !== SVG || root.localName !== "svg") {
    return null;
  }
  if (SUSPECT.test(text)) {
    disarm(root);
  }
  return document.adoptNode(root) as SVGSVGElement;
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
