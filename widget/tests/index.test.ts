import type { MockInstance } from "vitest";
import { beforeEach, describe, expect, it, vi } from "vitest";

import widget from "../src/index.ts";
import { picture } from "./examples.ts";
import { TestModel } from "./model.ts";

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
