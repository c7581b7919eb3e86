/** All that is known of a node; asked for again while the panel is open and figures come. */

import type { Acts } from "./acts.ts";
import { make, setHidden } from "./dom.ts";
import type { Kernel } from "./kernel.ts";
import type { NodeDetails } from "./messages.ts";
import type { Content } from "./panel.ts";
import { ScaleForm } from "./scale_form.ts";
import type { Scope } from "./scope.ts";
import type { Section, ShowRequest } from "./sections.ts";
import { facts, histogram, lastError, options, slowest, source, times } from "./sections.ts";

const REFRESH_MS = 2000;

export interface NodePanelOptions {
  kernel: Kernel;
  acts: Acts;
  /** Ends with the panel. */
  scope: Scope;
  /** Unique on the page. */
  id: string;
  node: string;
  showRequest: ShowRequest;
}

export class NodePanel implements Content {
  readonly element = make("div", { class: "gnb-node-panel" });
  readonly wide = false;
  readonly node: string;
  readonly #options: NodePanelOptions;
  readonly #sections: Section[];
  readonly #asking = make("p", { class: "gnb-note" }, "Asking the kernel…");
  #asked = false;
  #answeredAt = -Infinity;

  constructor(given: NodePanelOptions) {
    const { acts, scope, id, node, showRequest } = given;
    this.#options = given;
    this.node = node;
    this.#sections = [
      facts(),
      times(),
      histogram(),
      slowest(scope, showRequest),
      lastError(scope, showRequest),
      new ScaleForm(scope, id, node, acts),
      options(),
      source(),
    ];
    this.element.append(this.#asking);
    void acts.run(this.element, "node", { node }).then((details) => {
      if (!scope.closed) {
        this.#take(details);
      }
    });
  }

  /** Figures have changed: asks again, now and then. */
  refresh(): void {
    const { kernel, scope, node } = this.#options;
    if (this.#asked || performance.now() - this.#answeredAt < REFRESH_MS || this.#selected()) {
      return;
    }
    if (this.#answeredAt < 0) {
      return; // the first answer is yet to come
    }
    this.#asked = true;
    kernel.ask("node", { node }).then(
      (details) => {
        this.#asked = false;
        if (!scope.closed) {
          this.#take(details);
        }
      },
      () => {
        // What is shown stays; a node that is gone goes with its picture.
        this.#asked = false;
        this.#answeredAt = performance.now();
      },
    );
  }

  close(): void {
    this.#options.scope.close();
  }

  #take(details: NodeDetails | null): void {
    setHidden(this.#asking, true);
    if (!details) {
      return; // a notice says why
    }
    if (this.#answeredAt < 0) {
      this.element.append(...this.#sections.map((one) => one.element));
    }
    this.#answeredAt = performance.now();
    for (const section of this.#sections) {
      section.update(details);
    }
  }

  /** Somebody has selected a text here: changing it would undo that. */
  #selected(): boolean {
    const selection = getSelection();
    return (
      selection !== null &&
      !selection.isCollapsed &&
      selection.anchorNode !== null &&
      this.element.contains(selection.anchorNode)
    );
  }
}
