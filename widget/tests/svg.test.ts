import { describe, expect, it } from "vitest";

import { parseSvg } from "../src/svg.ts";
import { SVG } from "./examples.ts";

function svg(inside: string, attributes = ""): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" ${attributes}>${inside}</svg>`;
}

describe("an SVG from the kernel", () => {
  it("becomes an element of this page", () => {
    const parsed = parseSvg(SVG);
    expect(parsed?.ownerDocument).toBe(document);
    expect(parsed?.querySelectorAll("g.gnb-node")).toHaveLength(4);
  });

  it.each([
    ["not closed", '<svg xmlns="http://www.w3.org/2000/svg"><g></svg>'],
    ["not an SVG", "<html><body/></html>"],
    ["of no namespace", "<svg/>"],
    ["empty", ""],
  ])("is none when it is %s", (_, text) => {
    expect(parseSvg(text)).toBeNull();
  });

  it.each([
    ["a script", "<script>window.hurt = 1</script>", "script"],
    ["a style, which would reach the page", "<style>body{}</style>", "style"],
    [
      "HTML",
      '<foreignObject><img xmlns="http://www.w3.org/1999/xhtml" src="x"/></foreignObject>',
      "foreignObject, img",
    ],
    ["an animation of an address", '<a><set attributeName="href" to="javascript:x"/></a>', "set"],
  ])("loses %s", (_, inside, selector) => {
    expect(parseSvg(svg(`<g>${inside}</g>`))?.querySelector(selector)).toBeNull();
  });

  it("loses what would run, or lead elsewhere", () => {
    const parsed = parseSvg(
      svg(
        '<a xlink:href="javascript:x" xmlns:xlink="http://www.w3.org/1999/xlink" OnClick="x()" href="x"><rect onload="x()"/></a>',
        'onload="x()"',
      ),
    );
    const names = [parsed, ...(parsed?.querySelectorAll("*") ?? [])].flatMap((one) =>
      Array.from(one?.attributes ?? [], (attribute) => attribute.name),
    );
    expect(names.filter((name) => /^on|href$/i.test(name))).toEqual([]);
  });

  it("is none with a declaration, which could spell an attribute in another way", () => {
    expect(parseSvg(svg("<g/>"))).not.toBeNull();
    expect(parseSvg("<!DOCTYPE svg []>" + svg("<g/>"))).toBeNull();
  });

  it("keeps the text of a hostile name as text", () => {
    const parsed = parseSvg(svg("<text>&lt;img src=x onerror=alert(1)&gt;</text>"));
    expect(parsed?.textContent).toBe("<img src=x onerror=alert(1)>");
    expect(parsed?.querySelector("img")).toBeNull();
  });
});
