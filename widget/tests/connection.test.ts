import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { ConnectionState } from "../src/connection.ts";
import { Connection } from "../src/connection.ts";
import { Figures } from "../src/figures.ts";
import { Kernel } from "../src/kernel.ts";
import { Scope } from "../src/scope.ts";
import { frame, picture } from "./examples.ts";
import { TestModel } from "./model.ts";

function start(): {
  model: TestModel;
  connection: Connection;
  figures: Figures;
  scope: Scope;
  states: ConnectionState[];
} {
  const model = new TestModel(picture());
  const scope = new Scope();
  const figures = new Figures();
  const connection = new Connection(new Kernel(model, scope), figures, scope);
  const states: ConnectionState[] = [];
  connection.onState = (state) => states.push(state);
  connection.open();
  return { model, connection, figures, scope, states };
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe("the connection", () => {
  it("asks for all figures, and has them when they come", async () => {
    const { model, figures, states } = start();
    await model.answer("open", frame());
    expect(figures.head?.rate).toBe("5/s");
    expect(states).toEqual(["open"]);
    vi.advanceTimersByTime(120_000);
    expect(model.asks("open")).toHaveLength(1);
  });

  it("waits after 2 s, and asks again at longer and longer times", () => {
    const { model, states } = start();
    vi.advanceTimersByTime(1999);
    expect(states).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(states).toEqual(["waiting"]);
    const counts = [4000, 8000, 16_000, 30_000, 30_000].map((pause) => {
      vi.advanceTimersByTime(pause - 1);
      const before = model.asks("open").length;
      vi.advanceTimersByTime(1);
      return model.asks("open").length - before;
    });
    expect(counts).toEqual([1, 1, 1, 1, 1]);
    expect(model.asks("open")).toHaveLength(7);
  });

  it("stops asking with the first answer", async () => {
    const { model, states } = start();
    vi.advanceTimersByTime(6000);
    await model.answer("open", frame());
    expect(states).toEqual(["waiting", "open"]);
    const asked = model.asks("open").length;
    vi.advanceTimersByTime(120_000);
    expect(model.asks("open")).toHaveLength(asked);
  });

  it("asks again when a tick is of another picture", async () => {
    const { model, figures } = start();
    await model.answer("open", frame());
    model.tick({ picture: 2, head: { rate: "9/s" } });
    expect(model.asks("open")).toHaveLength(2);
    expect(figures.head?.rate).toBe("5/s");
    model.tick({ picture: 2, head: { rate: "10/s" } });
    expect(model.asks("open")).toHaveLength(2);
  });

  it("does not take figures of a picture that is not there yet, and asks again soon", async () => {
    const { model, figures } = start();
    await model.answer("open", frame({ picture: 2 }));
    expect(figures.known).toBe(false);
    vi.advanceTimersByTime(250);
    expect(model.asks("open")).toHaveLength(2);
    model.show(picture({ number: 2 }));
    await model.answer("open", frame({ picture: 2 }));
    expect(figures.picture).toBe(2);
  });

  it("asks less and less often for figures of a picture that never comes", async () => {
    const { model } = start();
    for (let turn = 0; turn < 5; turn += 1) {
      await model.answer("open", frame({ picture: 2 }));
      vi.advanceTimersByTime(250);
    }
    expect(model.asks("open").length).toBeLessThan(4);
  });

  it("asks again when the connection was lost", async () => {
    const { model } = start();
    await model.answer("open", frame());
    model.emit("comm_live_update");
    expect(model.asks("open")).toHaveLength(2);
  });

  it("says a mistake of the kernel once, and does not ask for it again", async () => {
    const { model, connection } = start();
    const failed = vi.fn();
    connection.onError = failed;
    await model.refuse("open", "there is no such graph", "deploy it");
    vi.advanceTimersByTime(120_000);
    expect(failed).toHaveBeenCalledOnce();
    expect(model.asks("open")).toHaveLength(1);
  });

  it("says that it is there, whether anything happens or not", async () => {
    const { model, scope } = start();
    await model.answer("open", frame());
    vi.advanceTimersByTime(60_000);
    expect(model.asks("seen").length).toBeGreaterThanOrEqual(2);
    scope.close();
    const before = model.asks("seen").length;
    vi.advanceTimersByTime(60_000);
    expect(model.asks("seen")).toHaveLength(before);
  });

  it("says what was seen at most once a second, and always the last", async () => {
    const { model, connection } = start();
    await model.answer("open", frame());
    for (let tick = 0; tick < 10; tick += 1) {
      model.tick({ head: { rate: `${tick}/s` } });
      connection.painted();
      vi.advanceTimersByTime(100);
    }
    vi.advanceTimersByTime(1000);
    const seen = model.asks("seen").map((one) => (one.args as { tick: number }).tick);
    expect(seen.length).toBeLessThanOrEqual(5);
    expect(seen.at(-1)).toBe(10);
    expect(new Set(seen).size).toBe(seen.length);
  });

  it("asks nothing after it is closed", () => {
    const { model, scope } = start();
    scope.close();
    const before = model.sent.length;
    vi.advanceTimersByTime(120_000);
    expect(model.sent).toHaveLength(before);
    expect(vi.getTimerCount()).toBe(0);
  });
});
