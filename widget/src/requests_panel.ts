/** The requests that are known, and one of them as a waterfall. */

import type { Acts } from "./acts.ts";
import { button, make, onSubmit, setAttribute, setHidden, setText } from "./dom.ts";
import { save } from "./files.ts";
import type { RequestDetails, RequestLine, Requests } from "./messages.ts";
import type { Content } from "./panel.ts";
import type { Scope } from "./scope.ts";
import { parseSvg } from "./svg.ts";
import { Tabs } from "./tabs.ts";

const LISTS = ["last", "slowest", "failed"] as const;

/** Words that don't need a colour to be told apart. */
const SIGNS: Record<RequestLine["outcome"], string> = {
  ok: "✓ ok",
  error: "✗ error",
  cancelled: "– cancelled",
  timeout: "✗ timeout",
  rejected: "– rejected",
};

export interface RequestsPanelOptions {
  acts: Acts;
  /** Ends with the panel. */
  scope: Scope;
  /** Unique on the page. */
  id: string;
}

export class RequestsPanel implements Content {
  readonly element: HTMLElement;
  readonly wide = true;
  readonly #acts: Acts;
  readonly #scope: Scope;
  readonly #tabs: Tabs;
  readonly #list = make("ul", { class: "gnb-requests" });
  readonly #none = make("p", { class: "gnb-note" }, "None yet.");
  readonly #detail: Detail;
  #requests: Requests = { last: [], slowest: [], failed: [] };
  #shown = "";

  constructor({ acts, scope, id }: RequestsPanelOptions) {
    this.#acts = acts;
    this.#scope = scope;
    this.#detail = new Detail(acts, scope);
    this.#tabs = new Tabs(scope, id, "which requests", LISTS, (index) => {
      this.#fill(this.#requests[LISTS[index] ?? "last"]);
    });
    this.#tabs.panel.append(this.#list, this.#none);
    this.#tabs.select(0);
    const refresh = button("Refresh", { class: "gnb-button" });
    scope.listen(refresh, "click", () => {
      void this.list(refresh);
    });
    scope.listen(this.#list, "click", ({ target }) => {
      const line = target instanceof Element ? target.closest("button") : null;
      if (line) {
        void this.show(line, line.dataset["request"] ?? "");
      }
    });
    this.element = make(
      "div",
      { class: "gnb-requests-panel" },
      make(
        "div",
        { class: "gnb-chooser" },
        make("div", { class: "gnb-chooser-head" }, this.#tabs.element, refresh),
        this.#tabs.panel,
        this.#byId(),
      ),
      this.#detail.element,
    );
  }

  /** Asks for the lists. */
  async list(control: HTMLElement | null = null): Promise<void> {
    const requests = await this.#acts.run(control, "requests", {});
    if (requests && !this.#scope.closed) {
      this.#requests = requests;
      const at = this.#tabs.element.querySelector('[aria-selected="true"]');
      this.#tabs.select(at ? Array.from(this.#tabs.element.children).indexOf(at) : 0);
    }
  }

  /** Asks for one: an id, or "slowest" of a node. */
  async show(control: HTMLElement | null, which: string, node?: string): Promise<void> {
    const args = node === undefined ? { which } : { which, node };
    const order = this.#detail.expect();
    const details = await this.#acts.run(control, "request", args);
    if (details && !this.#scope.closed && this.#detail.take(order, details)) {
      this.#shown = details.id;
      this.#mark();
    }
  }

  close(): void {
    this.#scope.close();
  }

  #byId(): HTMLElement {
    const field = make("input", { class: "gnb-field", autocomplete: "off", spellcheck: "false" });
    const send = make("button", { type: "submit", class: "gnb-button" }, "Show");
    const label = make("label", { class: "gnb-labelled" }, "Id", field);
    const form = make("form", { class: "gnb-by-id" }, label, send);
    onSubmit(this.#scope, form, () => {
      const which = field.value.trim();
      if (which) {
        void this.show(send, which);
      }
    });
    return form;
  }

  #fill(lines: RequestLine[]): void {
    this.#list.replaceChildren(...lines.map((line) => make("li", {}, requestButton(line))));
    setHidden(this.#none, lines.length > 0);
    this.#mark();
  }

  #mark(): void {
    for (const line of this.#list.querySelectorAll("button")) {
      setAttribute(line, "aria-pressed", String(line.dataset["request"] === this.#shown));
    }
  }
}

function requestButton({ id, when, total, outcome, error }: RequestLine): HTMLElement {
  const line = button("", { class: "gnb-request", "data-request": id, "data-outcome": outcome });
  const parts = [
    make("span", { class: "gnb-when" }, when),
    make("span", { class: "gnb-total" }, total),
    make("span", { class: "gnb-outcome" }, SIGNS[outcome]),
    make("span", { class: "gnb-what" }, error || id),
  ];
  line.append(...parts.flatMap((part) => [part, " "]));
  return line;
}

/** One request. */
class Detail {
  readonly element: HTMLElement;
  readonly #headline = make("div", { class: "gnb-subtitle", role: "heading", "aria-level": 4 });
  readonly #waterfall = make("div", {
    class: "gnb-waterfall",
    tabindex: 0,
    role: "group",
    "aria-label": "waterfall",
  });
  readonly #text = make("pre", { tabindex: 0, role: "group", "aria-label": "the request as text" });
  readonly #asText = button("As text", { class: "gnb-button", "aria-pressed": "false" });
  readonly #some: HTMLElement;
  readonly #hint = make("p", { class: "gnb-note" }, "Choose a request to see where its time went.");
  #shown: RequestDetails | null = null;
  #order = 0;
  #taken = 0;

  constructor(acts: Acts, scope: Scope) {
    const trace = button("Save trace", { class: "gnb-button" });
    this.#some = make(
      "div",
      {},
      this.#headline,
      this.#waterfall,
      this.#text,
      make("div", { class: "gnb-row" }, this.#asText, trace),
    );
    this.#text.hidden = true;
    this.#some.hidden = true;
    this.element = make("div", { class: "gnb-request-detail" }, this.#hint, this.#some);
    scope.listen(this.#asText, "click", () => {
      this.#text.hidden = !this.#text.hidden;
      this.#waterfall.hidden = !this.#text.hidden;
      setAttribute(this.#asText, "aria-pressed", String(!this.#text.hidden));
    });
    scope.listen(trace, "click", () => {
      if (this.#shown) {
        void acts.run(trace, "trace", { which: this.#shown.id }).then((saved) => {
          if (saved) {
            save(saved);
          }
        });
      }
    });
  }

  /** Another is asked for; answers its place in the row. */
  expect(): number {
    return ++this.#order;
  }

  /** Shows it, unless one that was asked for later is shown already. */
  take(order: number, details: RequestDetails): boolean {
    if (order < this.#taken) {
      return false;
    }
    this.#taken = order;
    this.#shown = details;
    setText(this.#headline, details.headline);
    setText(this.#text, details.text);
    const svg = parseSvg(details.svg);
    svg?.setAttribute("role", "img");
    svg?.setAttribute("aria-label", details.headline);
    this.#waterfall.replaceChildren(svg ?? make("p", {}, "It can't be drawn: see it as text."));
    this.#some.hidden = false;
    this.#hint.hidden = true;
    return true;
  }
}
