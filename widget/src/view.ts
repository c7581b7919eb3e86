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
import { Notices } from "./notices.ts";
import type { Percentile } from "./painter.ts";
import { Painting } from "./painting.ts";
import { Panels } from "./panels.ts";
import { works } from "./promote_parts.ts";
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
  readonly #search = new Search(this.#scope);
  readonly #zoom = new Zoom(this.#area, this.#scope);
  readonly #painting = new Painting(this.#root, this.#scope);
  readonly #kernel: Kernel;
  readonly #connection: Connection;
  readonly #acts: Acts;
  readonly #toolbar: Toolbar;
  readonly #panels: Panels;
  #picture: Picture | null = null;
  #scene: Scene | null = null;
  #sceneScope = this.#scope.child();
  #percentile: Percentile = 0;

  constructor(model: Model, el: HTMLElement) {
    this.#kernel = new Kernel(model, this.#scope);
    this.#id = `gnb-${this.#kernel.view}`;
    this.#connection = new Connection(this.#kernel, this.#figures, this.#scope);
    this.#acts = new Acts(this.#kernel, this.#notices);
    this.#panels = new Panels({
      kernel: this.#kernel,
      acts: this.#acts,
      scope: this.#scope,
      id: this.#id,
    });
    this.#toolbar = new Toolbar(this.#scope, this.#id, this.#search.element, this.#wishes());
    this.#wire();
    this.#root.append(
      this.#head.element,
      this.#toolbar.element,
      this.#questions,
      this.#notices.element,
      make("div", { class: "gnb-body" }, this.#area, this.#panels.element),
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
    this.#connection.onOpen = () => {
      this.#panels.again();
    };
    this.#kernel.onPromotion = (promotion) => {
      this.#toolbar.promoting = works(promotion);
      this.#panels.promoted(promotion);
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
      } else if (event.key === "Escape" && this.#panels.open) {
        event.stopPropagation();
        this.#panels.close();
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
        this.#panels.node(id);
      },
      focused: (id) => {
        const box = scene.box(id);
        if (box) {
          this.#zoom.reveal(box);
        }
      },
    });
    this.#scene = scene;
    this.#toolbar.zooms = scene.drawing !== null;
    // At the scale that it will have: its texts are laid out once.
    this.#area.replaceChildren();
    this.#zoom.show(scene.drawing);
    this.#area.append(scene.element);
    this.#search.show(scene, picture.nodes);
    const [first] = Object.keys(picture.nodes);
    if (hadFocus && first !== undefined) {
      scene.focus(first);
    }
    this.#panels.show(picture, scene);
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
    this.#panels.refresh();
    this.#connection.painted();
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
        this.#panels.requests(() => {
          control.focus();
        });
      },
      legend: (control) => {
        this.#panels.legend(control);
      },
      exportPicture: (control) => {
        void this.#acts.run(control, "export", {}).then((saved) => {
          if (saved) {
            save(saved);
          }
        });
      },
      promote: (control) => {
        this.#panels.promote(control);
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
        const panel = this.#panels.requests(() => {
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
