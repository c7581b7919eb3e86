/** One live picture on a page: puts its parts together, and takes them apart. */

import { Acts } from "./acts.ts";
import { confirm } from "./confirm.ts";
import { Connection } from "./connection.ts";
import { make } from "./dom.ts";
import { Figures } from "./figures.ts";
import { save } from "./files.ts";
import { Head } from "./head.ts";
import type { Model } from "./kernel.ts";
import { Kernel } from "./kernel.ts";
import type { Picture } from "./messages.ts";
import { NodePanel } from "./node_panel.ts";
import { Notices } from "./notices.ts";
import type { Percentile } from "./painter.ts";
import { Painting } from "./painting.ts";
import { Panel } from "./panel.ts";
import { RequestsPanel } from "./requests_panel.ts";
import type { Scene } from "./scene.ts";
import { makeScene } from "./scene.ts";
import { Scope } from "./scope.ts";
import { Search } from "./search.ts";
import type { Wishes } from "./toolbar.ts";
import { Toolbar } from "./toolbar.ts";
import { Zoom } from "./zoom.ts";

export class View {
  readonly #scope = new Scope();
  readonly #id: string;
  // Lumino's attribute: the notebook around takes no key that is pressed in here for its own.
  readonly #root = make("div", {
    class: "gnb-live",
    role: "group",
    "data-lm-suppress-shortcuts": "true",
  });
  readonly #area = make("div", { class: "gnb-area" });
  readonly #figures = new Figures();
  readonly #head = new Head();
  readonly #notices = new Notices(this.#scope);
  readonly #questions = make("div");
  readonly #panel = new Panel(this.#scope);
  readonly #search = new Search(this.#scope);
  readonly #zoom = new Zoom(this.#area, this.#scope);
  readonly #painting = new Painting(this.#root, this.#scope);
  readonly #kernel: Kernel;
  readonly #connection: Connection;
  readonly #acts: Acts;
  readonly #toolbar: Toolbar;
  #picture: Picture | null = null;
  #scene: Scene | null = null;
  #sceneScope = this.#scope.child();
  #nodePanel: NodePanel | null = null;
  #percentile: Percentile = 0;
  #panels = 0;

  constructor(model: Model, el: HTMLElement) {
    this.#kernel = new Kernel(model, this.#scope);
    this.#id = `gnb-${this.#kernel.view}`;
    this.#connection = new Connection(this.#kernel, this.#figures, this.#scope);
    this.#acts = new Acts(this.#kernel, this.#notices);
    this.#toolbar = new Toolbar(this.#scope, this.#id, this.#search.element, this.#wishes());
    this.#wire();
    this.#root.append(
      this.#head.element,
      this.#toolbar.element,
      this.#questions,
      this.#notices.element,
      make("div", { class: "gnb-body" }, this.#area, this.#panel.element),
    );
    el.append(this.#root);
    this.#scope.atEnd(() => {
      this.#root.remove();
    });
    this.#show(this.#kernel.picture);
    this.#connection.open();
  }

  close(): void {
    this.#scope.close();
  }

  #wire(): void {
    this.#painting.onPaint = () => {
      this.#paint();
    };
    this.#painting.onShown = () => {
      this.#connection.open();
    };
    this.#zoom.onSight = () => {
      this.#painting.request();
    };
    this.#connection.onFigures = () => {
      this.#painting.request();
    };
    this.#connection.onState = (state) => {
      this.#head.waiting = state === "waiting";
    };
    this.#connection.onError = (error) => {
      this.#notices.fail(error);
    };
    this.#kernel.onPicture = () => {
      this.#show(this.#kernel.picture);
      this.#connection.open();
    };
    this.#search.onMatch = (id) => {
      const box = this.#scene?.box(id);
      if (box) {
        this.#zoom.centre(box);
      }
    };
    this.#panel.onClosed = () => {
      this.#nodePanel = null;
      this.#scene?.opened(null);
    };
    this.#scope.listen(this.#area, "keydown", (event) => {
      const work = { "+": "larger", "=": "larger", "-": "smaller", "0": "fitMore" }[event.key];
      if (work && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        event.stopPropagation();
        this.#zoom[work as "larger" | "smaller" | "fitMore"]();
        const box = this.#scene?.box(document.activeElement?.id ?? "");
        if (box) {
          this.#zoom.reveal(box);
        }
      } else if (event.key === "Escape" && this.#panel.open) {
        event.stopPropagation();
        this.#panel.close();
      }
    });
  }

  #show(picture: Picture | null): void {
    if (!picture) {
      return;
    }
    const hadFocus = this.#area.contains(document.activeElement);
    this.#picture = picture;
    this.#root.setAttribute("aria-label", `live picture of ${picture.name}`);
    for (const [name, colour] of Object.entries(picture.colours)) {
      this.#root.style.setProperty(`--gnb-${name}`, colour);
    }
    this.#head.name(picture);
    this.#sceneScope.close();
    this.#sceneScope = this.#scope.child();
    const scene = makeScene({
      picture,
      figures: this.#figures,
      surface: this.#area,
      scope: this.#sceneScope,
      open: (id) => {
        this.#openNode(id);
      },
      focused: (id) => {
        const box = scene.box(id);
        if (box) {
          this.#zoom.reveal(box);
        }
      },
    });
    this.#scene = scene;
    this.#area.replaceChildren(scene.element);
    this.#toolbar.zooms = scene.drawing !== null;
    this.#zoom.show(scene.drawing);
    this.#search.show(scene, picture.nodes);
    const [first] = Object.keys(picture.nodes);
    if (hadFocus && first !== undefined) {
      scene.focus(first);
    }
    if (this.#nodePanel) {
      const { node } = this.#nodePanel;
      if (node in picture.nodes) {
        scene.opened(node);
      } else {
        this.#panel.close();
      }
    }
  }

  #paint(): void {
    const dirty = this.#figures.take();
    const { head, choices } = this.#figures;
    if (dirty.head && head) {
      this.#head.paint(head, this.#percentile);
      this.#toolbar.state(head.state);
    }
    if (dirty.choices && choices) {
      this.#toolbar.choices(choices);
    }
    this.#scene?.paint(this.#figures, dirty, this.#percentile, this.#zoom.sight);
    this.#nodePanel?.refresh();
    this.#connection.painted();
  }

  #openNode(id: string): void {
    const info = this.#picture?.nodes[id];
    const giveBack = (): void => {
      this.#scene?.focus(id);
    };
    if (!info || info.kind === "input") {
      this.#openRequests(giveBack);
      return;
    }
    const panel = new NodePanel({
      kernel: this.#kernel,
      acts: this.#acts,
      scope: this.#scope.child(),
      id: this.#nextId(),
      node: id,
      showRequest: (_, which) => {
        const requests = this.#openRequests(giveBack);
        // The slowest is that of the node; any other has an id.
        void requests.show(requests.element, which, which === "slowest" ? id : undefined);
      },
    });
    this.#panel.show(info.title, panel, giveBack);
    this.#nodePanel = panel;
    this.#scene?.opened(id);
  }

  #openRequests(giveBack: () => void): RequestsPanel {
    const scope = this.#scope.child();
    const panel = new RequestsPanel({ acts: this.#acts, scope, id: this.#nextId() });
    this.#nodePanel = null;
    this.#scene?.opened(null);
    this.#panel.show("Requests", panel, giveBack);
    void panel.list();
    return panel;
  }

  #nextId(): string {
    return `${this.#id}-${++this.#panels}`;
  }

  #wishes(): Wishes {
    return {
      choose: (control, choice) => {
        void this.#choose(control, choice);
      },
      percentile: (percentile) => {
        this.#percentile = percentile;
        this.#figures.touch();
        this.#painting.request();
      },
      larger: () => {
        this.#zoom.larger();
      },
      smaller: () => {
        this.#zoom.smaller();
      },
      fit: () => {
        this.#zoom.fitMore();
      },
      again: (control) => {
        void this.#again(control);
      },
      requests: (control) => {
        this.#openRequests(() => {
          control.focus();
        });
      },
      exportPicture: (control) => {
        void this.#acts.run(control, "export", {}).then((saved) => {
          if (saved) {
            save(saved);
          }
        });
      },
      stop: (control) => {
        void this.#stop(control);
      },
    };
  }

  async #choose(control: HTMLElement, choice: Parameters<Wishes["choose"]>[1]): Promise<void> {
    const frame = await this.#acts.run(control, "choose", choice);
    if (frame) {
      this.#connection.take(frame);
    } else if (this.#figures.choices) {
      // What was chosen before is what is shown.
      this.#toolbar.choices(this.#figures.choices);
    }
  }

  async #again(control: HTMLElement): Promise<void> {
    const answer = await this.#acts.run(control, "again", {});
    if (answer) {
      const { said, request } = answer;
      const show = (): void => {
        const panel = this.#openRequests(() => {
          control.focus();
        });
        void panel.show(panel.element, request);
      };
      this.#notices.say(said, request ? { label: "Show it", take: show } : undefined);
    }
  }

  async #stop(control: HTMLElement): Promise<void> {
    const id = `${this.#id}-stop`;
    if (this.#questions.childElementCount > 0) {
      return; // it is asked already
    }
    const name = this.#picture?.name ?? "the graph";
    const confirmed = await confirm(this.#questions, this.#scope, {
      id,
      question: `Stop ${name}? It takes no more requests then.`,
      yes: `Stop ${name}`,
      asker: control,
    });
    if (confirmed) {
      const answer = await this.#acts.run(control, "stop", {});
      if (answer) {
        this.#notices.say(answer.said);
      }
    }
  }
}
