/** One live picture on a page: puts its parts together, and takes them apart. */

import { Connection } from "./connection.ts";
import { make } from "./dom.ts";
import { Drawing } from "./drawing.ts";
import { Figures } from "./figures.ts";
import { Head } from "./head.ts";
import type { Model } from "./kernel.ts";
import { Kernel } from "./kernel.ts";
import type { Picture } from "./messages.ts";
import { Painter } from "./painter.ts";
import { Painting } from "./painting.ts";
import { Scope } from "./scope.ts";

export class View {
  readonly #scope = new Scope();
  readonly #root = make("div", { class: "gnb-live", "data-lm-suppress-shortcuts": "true" });
  readonly #area = make("div", { class: "gnb-area" });
  readonly #figures = new Figures();
  readonly #head = new Head();
  readonly #kernel: Kernel;
  readonly #connection: Connection;
  #painter: Painter | null = null;

  constructor(model: Model, el: HTMLElement) {
    this.#kernel = new Kernel(model, this.#scope);
    this.#connection = new Connection(this.#kernel, this.#figures, this.#scope);
    const painting = new Painting(this.#root, this.#scope);
    painting.onPaint = () => {
      this.#paint();
    };
    painting.onShown = () => {
      this.#connection.open();
    };
    this.#connection.onFigures = () => {
      painting.request();
    };
    this.#kernel.onPicture = () => {
      this.#show(this.#kernel.picture);
      this.#connection.open();
    };
    this.#root.append(this.#head.element, this.#area);
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

  #show(picture: Picture | null): void {
    if (!picture) {
      return;
    }
    this.#head.name(picture);
    for (const [name, colour] of Object.entries(picture.colours)) {
      this.#root.style.setProperty(`--gnb-${name}`, colour);
    }
    const drawing = Drawing.of(picture);
    this.#painter = drawing && new Painter(drawing);
    this.#area.replaceChildren(drawing ? drawing.svg : "");
  }

  #paint(): void {
    const dirty = this.#figures.take();
    if (dirty.head && this.#figures.head) {
      this.#head.paint(this.#figures.head, 0);
    }
    this.#painter?.paint(this.#figures, dirty, 0);
    this.#connection.painted();
  }
}
