import { afterEach, beforeEach, describe, expect, it } from "vitest";

import widget from "../src/index.ts";
import type { Promotion } from "../src/messages.ts";
import { frame, picture, planned, promotion, targets } from "./examples.ts";
import { settled, TestModel } from "./model.ts";

let model: TestModel;
let el: HTMLElement;
let close: () => void;

// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters
function find<E extends Element = HTMLElement>(selector: string): E {
  const found = el.querySelector<E>(selector);
  if (!found) {
    throw new Error(`there is no ${selector}`);
  }
  return found;
}

function pressed(name: string): HTMLButtonElement {
  const found = Array.from(el.querySelectorAll("button")).find((one) => one.textContent === name);
  if (!found || found.hidden) {
    throw new Error(`there is no button ${name}`);
  }
  return found;
}

function told(now: Promotion): void {
  model.say({ type: "promotion", promotion: now });
}

async function opened(answer = targets()): Promise<void> {
  pressed("Promote…").click();
  await model.answer("promotion", answer);
}

beforeEach(async () => {
  model = new TestModel(picture());
  el = document.createElement("div");
  document.body.append(el);
  close = widget.render({ model, el });
  await model.answer("open", frame());
});

afterEach(() => {
  close();
  el.remove();
});

describe("the panel of a promotion", () => {
  it("has the only target and the graph's own name chosen, and asks for a plan of them", async () => {
    await opened();
    expect(find<HTMLSelectElement>(".gnb-promote select").value).toBe("production");
    pressed("Plan").click();
    expect(model.last("plan").args).toEqual({ target: "production", application: "demo" });
  });

  it("has none of several chosen, and no plan before one is", async () => {
    await opened(targets(["production", "staging"]));
    const select = find<HTMLSelectElement>(".gnb-promote select");
    expect(select.value).toBe("");
    expect(pressed("Plan").disabled).toBe(true);
    select.value = "staging";
    select.dispatchEvent(new Event("input", { bubbles: true }));
    expect(pressed("Plan").disabled).toBe(false);
  });

  it("says how to write a target where there is none, and looks again", async () => {
    await opened(targets([]));
    expect(find(".gnb-none").textContent).toContain("write [targets.production]");
    expect(find<HTMLFormElement>(".gnb-promote form").hidden).toBe(true);
    pressed("Look again").click();
    await model.answer("promotion", targets());
    expect(find(".gnb-none").hidden).toBe(true);
    expect(find<HTMLFormElement>(".gnb-promote form").hidden).toBe(false);
  });

  it("shows what it is at, then the plan and the warnings, as text", async () => {
    await opened();
    pressed("Plan").click();
    const steps = [
      { said: "reading the cells", parts: [] },
      { said: "rolling out", parts: ["a 0/1 updating", "<b>1/1</b> healthy"] },
    ];
    await model.answer("plan", promotion({ revision: 2, stage: "planning", steps }));
    expect(find(".gnb-steps").textContent).toContain("✓reading the cells");
    expect(find(".gnb-steps").textContent).toContain("●rolling out");
    expect(find(".gnb-steps li:last-child code").textContent).toBe(
      "a 0/1 updating\n<b>1/1</b> healthy",
    );
    expect(pressed("Plan").disabled).toBe(true);
    expect(document.activeElement).not.toBe(document.body);
    told(planned());
    expect(find(".gnb-plan").textContent.split("\n")).toHaveLength(3);
    expect(find('.gnb-plan [data-sign="!"]').textContent).toContain("restarted");
    expect(find(".gnb-warnings").textContent).toContain("a path of this machine");
    expect(find(".gnb-steps").hidden).toBe(true);
  });

  it("has just the plan done that is shown, and moves the focus to what can be pressed", async () => {
    await opened(targets(["production"], planned()));
    const rollOut = pressed("Roll out");
    rollOut.focus();
    rollOut.click();
    expect(model.last("roll_out").args).toEqual({ plan: 3 });
    await model.answer("roll_out", planned({ revision: 6, stage: "rolling out" }));
    expect(rollOut.disabled).toBe(true);
    expect(document.activeElement).toBe(pressed("Cancel"));
  });

  it("passes over what comes late", async () => {
    await opened(targets(["production"], planned({ revision: 9 })));
    told(promotion({ revision: 8, stage: "planning" }));
    expect(pressed("Roll out").disabled).toBe(false);
  });

  it("says that there is nothing to do, and has nothing rolled out then", async () => {
    await opened(targets(["production"], planned({ empty: true })));
    expect(find(".gnb-told").textContent).toContain("Nothing to do");
    expect(pressed("Roll out").disabled).toBe(true);
  });

  it("links to where the graph answers, unless that is no address of the web", async () => {
    await opened();
    told(planned({ stage: "done", said: "It runs.", url: "https://ray.example.com/demo" }));
    const link = find<HTMLAnchorElement>(".gnb-told a");
    expect(link.href).toBe("https://ray.example.com/demo");
    expect(link.rel).toContain("noopener");
    told(planned({ stage: "done", said: "It runs.", url: "javascript:alert(1)" }));
    expect(el.querySelector(".gnb-told a")).toBeNull();
  });

  it("cancels once, and says that it is being ended", async () => {
    await opened();
    told(promotion({ revision: 2, stage: "planning" }));
    pressed("Cancel").click();
    await model.answer("cancel", promotion({ revision: 3, stage: "planning", cancelling: true }));
    pressed("Cancelling…").click();
    expect(model.asks("cancel")).toHaveLength(1);
    const error = { message: "it was cancelled", hint: "" };
    told(promotion({ revision: 4, stage: "failed", error }));
    expect(find(".gnb-told").textContent).toBe("it was cancelled");
    expect(pressed("Plan").disabled).toBe(false);
  });

  it("says in the panel what was refused, and forgets it with the next question", async () => {
    await opened();
    pressed("Plan").click();
    await model.refuse("plan", "its source is not known", "deploy it here");
    expect(find(".gnb-told").textContent).toContain("its source is not known");
    expect(find(".gnb-told").textContent).toContain("hint: deploy it here");
    expect(el.querySelector(".gnb-notice")).toBeNull();
    pressed("Plan").click();
    await settled();
    await model.answer("plan", promotion({ revision: 1, stage: "planning" }));
    expect(find(".gnb-told").hidden).toBe(true);
  });

  it("keeps what somebody has chosen when the kernel is there again", async () => {
    await opened(targets(["production", "staging"]));
    find<HTMLSelectElement>(".gnb-promote select").value = "staging";
    find<HTMLInputElement>(".gnb-promote input").value = "other";
    model.emit("comm_live_update");
    await model.answer("open", frame());
    await model.answer("promotion", targets(["production", "staging"], planned()));
    expect(find<HTMLSelectElement>(".gnb-promote select").value).toBe("staging");
    expect(find<HTMLInputElement>(".gnb-promote input").value).toBe("other");
    expect(pressed("Roll out").disabled).toBe(false);
  });

  it("closes, gives the focus back, and shows the same when it is opened again", async () => {
    await opened(targets(["production"], planned()));
    pressed("Close").focus();
    pressed("Close").click();
    expect(el.querySelector(".gnb-promote")).toBeNull();
    expect(document.activeElement).toBe(pressed("Promote…"));
    told(planned({ revision: 6, stage: "rolling out" }));
    expect(pressed("Promoting…").hidden).toBe(false);
    told(planned({ revision: 7 }));
    await opened(targets(["production"], planned({ revision: 7 })));
    expect(find(".gnb-plan").textContent).toContain("restarted");
  });
});
