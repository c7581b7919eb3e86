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
    ["not an SVG", "<html><body/></html>"],
    ["one with a text before it", `no ${svg("")}`],
    ["one with a title before it", `<title>no</title>${svg("")}`],
    ["one with something after it", svg("") + svg("")],
    ["ended by HTML", svg("<g><p>HTML</p></g>")],
    ["one with a declaration", `<!DOCTYPE svg []>${svg("<g/>")}`],
    ["one with a comment", svg("<!-- no -->")],
    ["one with a script", svg("<g><script>window.hurt = 1</script></g>")],
    ["one with a style, which would reach the page", svg("<style>body{}</style>")],
    ["one with HTML", svg("<foreignObject><img src='x'/></foreignObject>")],
    ["one with HTML in a title", svg("<title><img src='x'></title>")],
    ["one with an animation", svg('<a><set attributeName="href" to="javascript:x"/></a>')],
    ["empty", ""],
  ])("is none when it is %s", (_, text) => {
    expect(parseSvg(text)).toBeNull();
  });

  it("loses what would run, or lead elsewhere", () => {
    const parsed = parseSvg(
      svg(
        '<g xlink:href="javascript:x" xmlns:xlink="http://www.w3.org/1999/xlink" OnClick="x()" href="x"><rect onload="x()"/></g>',
        'onload="x()"',
      ),
    );
    expect(parsed?.querySelector("rect")).not.toBeNull();
    const names = [parsed, ...(parsed?.querySelectorAll("*") ?? [])].flatMap((one) =>
      Array.from(one?.attributes ?? [], (attribute) => attribute.name),
    );
    expect(names.filter((name) => /^on|href$/i.test(name))).toEqual([]);
  });

  it("keeps the text of a hostile name as text", () => {
    const parsed = parseSvg(svg("<text>&lt;img src=x onerror=alert(1)&gt;</text>"));
    expect(parsed?.textContent).toBe("<img src=x onerror=alert(1)>");
    expect(parsed?.querySelector("img")).toBeNull();
  });
});
