/**
 * The parts of what is said of a node. Each changes in place, and only where something differs:
 * what somebody reads, scrolls or has selected stays as it is while the graph runs.
 */

import { button, make, setAttribute, setHidden, setText } from "./dom.ts";
import { PERCENTILES } from "./head.ts";
import type { NodeDetails } from "./messages.ts";
import type { Scope } from "./scope.ts";

export interface Section {
  readonly element: HTMLElement;
  update(details: NodeDetails): void;
}

/** Shows a request: an id, or "slowest". */
export type ShowRequest = (control: HTMLElement, which: string) => void;

export function facts(): Section {
  const called = make("code");
  const where = make("span");
  return {
    element: make("p", { class: "gnb-facts" }, called, where),
    update(details) {
      setText(called, details.called);
      setText(where, details.where && ` · ${details.where}`);
    },
  };
}

export function times(): Section {
  const body = make("tbody");
  const names = PERCENTILES.map((name) => make("th", { scope: "col" }, name));
  const head = make("thead", {}, make("tr", {}, make("td"), ...names));
  const table = make("table", {}, head, body);
  return {
    element: titled("Times", table),
    update({ times }) {
      while (body.rows.length > times.length) {
        body.deleteRow(-1);
      }
      for (const [index, { name, p }] of times.entries()) {
        const row = body.rows[index] ?? body.appendChild(timesRow());
        for (const [column, said] of [name, ...p].entries()) {
          const cell = row.cells[column];
          if (cell) {
            setText(cell, said);
          }
        }
      }
    },
  };
}

function timesRow(): HTMLTableRowElement {
  return make("tr", {}, make("th", { scope: "row" }), make("td"), make("td"), make("td"));
}

export function histogram(): Section {
  const bars = make("div", { class: "gnb-bars", role: "img" });
  const [from, to] = [make("span"), make("span")];
  const element = titled(
    "How long callers waited",
    bars,
    make("div", { class: "gnb-axis", "aria-hidden": "true" }, from, to),
  );
  return {
    element,
    update({ histogram }) {
      setHidden(element, histogram.length === 0);
      while (bars.childElementCount > histogram.length) {
        bars.lastElementChild?.remove();
      }
      const said = histogram.map((one) => `${one.from} to ${one.to}: ${one.count}`);
      for (const [index, { part }] of histogram.entries()) {
        const bar = bars.children[index] ?? bars.appendChild(make("div", {}, make("div")));
        setAttribute(bar, "title", said[index] ?? "");
        // What was seen at all can be seen here.
        const height = part > 0 ? Math.max(2, part * 100) : 0;
        bar.firstElementChild?.setAttribute("style", `height:${height.toFixed(1)}%`);
      }
      setAttribute(bars, "aria-label", said.join("; "));
      setText(from, histogram[0]?.from ?? "");
      setText(to, histogram.at(-1)?.to ?? "");
    },
  };
}

export function slowest(scope: Scope, show: ShowRequest): Section {
  const link = button("", { class: "gnb-link" });
  const element = make("p", {}, "Slowest request: ", link);
  scope.listen(link, "click", () => {
    show(link, "slowest");
  });
  return {
    element,
    update({ slowest }) {
      setHidden(element, !slowest);
      setText(link, slowest ? `${slowest.total} (${slowest.request})` : "");
    },
  };
}

export function lastError(scope: Scope, show: ShowRequest): Section {
  const when = make("span", { class: "gnb-when" });
  const message = make("span", { class: "gnb-message" });
  const traceback = make("pre", { tabindex: 0, role: "group", "aria-label": "traceback" });
  const link = button("Show its request", { class: "gnb-link" });
  const details = make("details", {}, make("summary", {}, message), traceback);
  const element = titled("Last error", details, make("p", {}, when, " ", link));
  let request = "";
  scope.listen(link, "click", () => {
    show(link, request);
  });
  return {
    element,
    update({ error }) {
      setHidden(element, !error);
      if (error) {
        request = error.request;
        setText(message, error.message);
        setText(traceback, error.traceback);
        setText(when, error.when);
        setHidden(link, !error.request);
      }
    },
  };
}

export function options(): Section {
  const list = make("dl", { class: "gnb-options" });
  const element = titled("Options", list);
  let shown = "";
  return {
    element,
    update({ options }) {
      const told = JSON.stringify(options);
      if (told === shown) {
        return;
      }
      shown = told;
      setHidden(element, options.length === 0);
      list.replaceChildren(
        ...options.flatMap(({ name, value, set }) => {
          const of = { class: set ? "gnb-set" : "gnb-default" };
          return [make("dt", of, name), make("dd", of, set ? value : `${value} (default)`)];
        }),
      );
    },
  };
}

export function source(): Section {
  const text = make("pre", { tabindex: 0, role: "group", "aria-label": "source" });
  const element = titled("Source", text);
  return {
    element,
    update({ source }) {
      setHidden(element, !source);
      setText(text, source);
    },
  };
}

export function titled(title: string, ...inside: Node[]): HTMLElement {
  return make(
    "div",
    { class: "gnb-section" },
    make("div", { class: "gnb-subtitle", role: "heading", "aria-level": 4 }, title),
    ...inside,
  );
}
