import type { MockInstance } from "vitest";
import { beforeEach, describe, expect, it, vi } from "vitest";

import widget from "../src/index.ts";
import { picture } from "./examples.ts";
import { TestModel } from "./model.ts";

describe("the style sheet", () => {
  const sheets = (place: ParentNode): (string | null)[] =>
    [...place.querySelectorAll("style")].map((one) => one.textContent);

  beforeEach(() => {
    document.head.replaceChildren();
    document.body.replaceChildren();
  });

  it("stands in the page once, however many pictures there are", () => {
    for (let count = 0; count < 3; count++) {
      const model = new TestModel(picture());
      widget.initialize({ model });
      const el = document.body.appendChild(document.createElement("div"));
      widget.render({ model, el });
    }
    expect(sheets(document.head)).toEqual([".gnb-live { color: black }"]);
  });

  it("takes the place of another version's", () => {
    document.head.innerHTML = '<style id="graphnb-live-style">.gnb-live { color: red }</style>';
    widget.initialize({ model: new TestModel(picture()) });
    expect(sheets(document.head)).toEqual([".gnb-live { color: black }"]);
  });

  it("reaches into a shadow", () => {
    const host = document.body.appendChild(document.createElement("div"));
    const shadow = host.attachShadow({ mode: "open" });
    const el = shadow.appendChild(document.createElement("div"));
    widget.render({ model: new TestModel(picture()), el });
    expect(sheets(shadow)).toHaveLength(1);
  });
});

describe("a picture that comes before its view", () => {
  let parse: MockInstance<DOMParser["parseFromString"]>;

  beforeEach(() => {
    parse = vi.spyOn(DOMParser.prototype, "parseFromString");
    document.body.replaceChildren();
  });

  function shown(model: TestModel): Element | null {
    const el = document.createElement("div");
    document.body.append(el);
    widget.render({ model, el });
    return el.querySelector(".gnb-node");
  }

  it("is read as it comes, and once", () => {
    const model = new TestModel(picture());
    widget.initialize({ model });
    expect(parse).toHaveBeenCalledTimes(1);
    expect(shown(model)).not.toBeNull();
    expect(parse).toHaveBeenCalledTimes(1);
  });

  it("is another element in each view", () => {
    const model = new TestModel(picture());
    widget.initialize({ model });
    const [first, second] = [shown(model), shown(model)];
    expect(first?.isConnected).toBe(true);
    expect(second?.isConnected).toBe(true);
  });

  it("is read again when it is another one, until nobody listens", () => {
    const model = new TestModel(picture());
    const end = widget.initialize({ model });
    model.show(picture({ number: 2 }));
    expect(parse).toHaveBeenCalledTimes(2);
    end();
    expect(model.listeners).toBe(0);
  });
});
