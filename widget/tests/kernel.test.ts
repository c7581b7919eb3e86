import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { Kernel, KernelError } from "../src/kernel.ts";
import { Scope } from "../src/scope.ts";
import { details, frame, picture } from "./examples.ts";
import { settled, TestModel } from "./model.ts";

function start(): { model: TestModel; kernel: Kernel; scope: Scope } {
  const model = new TestModel(picture());
  const scope = new Scope();
  return { model, kernel: new Kernel(model, scope), scope };
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe("the kernel", () => {
  it("gives the answer to the question that it was given to", async () => {
    const { model, kernel } = start();
    const first = kernel.ask("node", { node: "node-a" });
    const second = kernel.ask("node", { node: "node-b" });
    const [a, b] = model.asks("node");
    model.say({ type: "reply", view: kernel.view, id: b?.id ?? 0, value: details({ title: "b" }) });
    model.say({ type: "reply", view: kernel.view, id: a?.id ?? 0, value: details({ title: "a" }) });
    expect((await first).title).toBe("a");
    expect((await second).title).toBe("b");
  });

  it("says what failed, with the hint", async () => {
    const { model, kernel } = start();
    const asked = kernel.ask("request", { which: "r-1" });
    void model.refuse("request", "no request r-1", "see requests");
    await expect(asked).rejects.toThrow(KernelError);
    await expect(asked).rejects.toMatchObject({ message: "no request r-1", hint: "see requests" });
  });

  it("ignores answers to another view of the same model", async () => {
    const { model, kernel } = start();
    const answered = vi.fn();
    void kernel.ask("open", { view: kernel.view }).then(answered);
    const { id } = model.last("open");
    model.say({ type: "reply", view: "another", id, value: frame() });
    await settled();
    expect(answered).not.toHaveBeenCalled();
    await model.answer("open", frame());
    expect(answered).toHaveBeenCalledOnce();
  });

  it("says once that it is slow, and takes the answer that comes later", async () => {
    const { model, kernel } = start();
    const slow = vi.fn();
    const answered = vi.fn();
    void kernel.ask("again", {}, { slow: { after: 30_000, then: slow } }).then(answered);
    vi.advanceTimersByTime(29_999);
    expect(slow).not.toHaveBeenCalled();
    vi.advanceTimersByTime(60_000);
    expect(slow).toHaveBeenCalledOnce();
    await model.answer("again", { said: "sent", request: "r-1" });
    expect(answered).toHaveBeenCalledWith({ said: "sent", request: "r-1" });
  });

  it("is not slow once it has answered", async () => {
    const { model, kernel } = start();
    const slow = vi.fn();
    void kernel.ask("again", {}, { slow: { after: 30_000, then: slow } });
    await model.answer("again", { said: "sent", request: "" });
    vi.advanceTimersByTime(60_000);
    expect(slow).not.toHaveBeenCalled();
  });

  it("has ids that no two views share", () => {
    const model = new TestModel(picture());
    const views = [1, 2, 3].map(() => new Kernel(model, new Scope()).view);
    expect(new Set(views).size).toBe(3);
  });

  it("does not answer when the connection is gone, and raises nothing", async () => {
    const { model, kernel } = start();
    model.broken = true;
    const slow = vi.fn();
    void kernel.ask("again", {}, { slow: { after: 1000, then: slow } });
    await settled();
    vi.advanceTimersByTime(1000);
    expect(slow).toHaveBeenCalledOnce();
  });

  it("is told that a view has closed, and then nothing more", () => {
    const { model, kernel, scope } = start();
    scope.close();
    expect(model.sent.map((one) => one.verb)).toEqual(["close"]);
    expect(model.sent[0]).toMatchObject({ id: 0, view: kernel.view, args: { view: kernel.view } });
    expect(model.listeners).toBe(0);
    kernel.tell("seen", { view: kernel.view, tick: 1 });
    expect(model.sent).toHaveLength(1);
  });
});
