/** What can be opened beside the picture: a node, requests, the legend, a promotion; one at a time. */

import type { Acts } from "./acts.ts";
import type { Kernel } from "./kernel.ts";
import { Legend } from "./legend.ts";
import type { Picture, Promotion } from "./messages.ts";
import { NodePanel } from "./node_panel.ts";
import { Panel } from "./panel.ts";
import { PromotePanel } from "./promote_panel.ts";
import { RequestsPanel } from "./requests_panel.ts";
import type { Scene } from "./scene.ts";
import type { Scope } from "./scope.ts";

export interface PanelsOptions {
  kernel: Kernel;
  acts: Acts;
  scope: Scope;
  /** Unique on the page. */
  id: string;
}

export class Panels {
  readonly #options: PanelsOptions;
  readonly #panel: Panel;
  #picture: Picture | null = null;
  #scene: Scene | null = null;
  #node: NodePanel | null = null;
  #promote: PromotePanel | null = null;
  #opened = 0;

  constructor(options: PanelsOptions) {
    this.#options = options;
    this.#panel = new Panel(options.scope);
    this.#panel.onClosed = () => {
      this.#about(null);
    };
  }

  get element(): HTMLElement {
    return this.#panel.element;
  }

  get open(): boolean {
    return this.#panel.open;
  }

  close(): void {
    this.#panel.close();
  }

  /** The figures have changed. */
  refresh(): void {
    this.#node?.refresh();
  }

  /** The promotion of the graph has changed. */
  promoted(promotion: Promotion): void {
    this.#promote?.take(promotion);
  }

  /** What was told meanwhile may be lost: the kernel is there again. */
  again(): void {
    void this.#promote?.look();
  }

  /** Another picture is shown: a node that is still there stays open. */
  show(picture: Picture, scene: Scene): void {
    this.#picture = picture;
    this.#scene = scene;
    if (this.#node) {
      const { node } = this.#node;
      if (node in picture.nodes) {
        scene.opened(node);
      } else {
        this.#panel.close();
      }
    }
  }

  node(id: string): void {
    const info = this.#picture?.nodes[id];
    const giveBack = (): void => {
      this.#scene?.focus(id);
    };
    if (!info || info.kind === "input") {
      this.requests(giveBack);
      return;
    }
    const { kernel, acts, scope } = this.#options;
    const panel = new NodePanel({
      kernel,
      acts,
      scope: scope.child(),
      id: this.#nextId(),
      node: id,
      showRequest: (_, which) => {
        const requests = this.requests(giveBack);
        // The slowest is that of the node; any other has an id.
        void requests.show(requests.element, which, which === "slowest" ? id : undefined);
      },
    });
    this.#panel.show(info.title, panel, giveBack);
    this.#about(panel);
  }

  requests(giveBack: () => void): RequestsPanel {
    const { acts, scope } = this.#options;
    const panel = new RequestsPanel({ acts, scope: scope.child(), id: this.#nextId() });
    this.#panel.show("Requests", panel, giveBack);
    this.#about(null);
    void panel.list();
    return panel;
  }

  legend(control: HTMLElement): void {
    this.#panel.show("Legend", new Legend(), () => {
      control.focus();
    });
    this.#about(null);
  }

  promote(control: HTMLElement): void {
    const { acts, scope } = this.#options;
    const panel = new PromotePanel({
      acts,
      scope: scope.child(),
      close: () => {
        this.close();
      },
    });
    this.#panel.show(`Promote ${this.#picture?.name ?? ""}`, panel, () => {
      control.focus();
    });
    this.#about(null);
    this.#promote = panel;
    void panel.look();
  }

  #about(node: NodePanel | null): void {
    this.#node = node;
    this.#promote = null;
    this.#scene?.opened(node?.node ?? null);
  }

  #nextId(): string {
    return `${this.#options.id}-${++this.#opened}`;
  }
}
