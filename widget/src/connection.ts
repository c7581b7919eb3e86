/**
 * Keeps the figures those of the kernel: asks for all of them when the view is there, takes what
 * changes, and says what was seen, so that the kernel sends no more than can be shown.
 */

import type { Figures } from "./figures.ts";
import type { Kernel } from "./kernel.ts";
import { KernelError } from "./kernel.ts";
import type { Frame } from "./messages.ts";
import type { Scope } from "./scope.ts";

/** opening: asked. waiting: asked, and the kernel takes its time. open: figures come. */
export type ConnectionState = "opening" | "waiting" | "open";

const PATIENCE_MS = 2000;
const LONGEST_PAUSE_MS = 30_000;
/** Figures of another picture than the one on the page: the two may be on their way together. */
const SETTLE_MS = 250;
const SEEN_EVERY_MS = 1000;
const ALIVE_EVERY_MS = 20_000;

export class Connection {
  onState: (state: ConnectionState) => void = () => undefined;
  /** The kernel has answered: what it told before may not have come. */
  onOpen: () => void = () => undefined;
  /** There is something to paint. */
  onFigures: () => void = () => undefined;
  onError: (error: KernelError) => void = () => undefined;

  readonly #kernel: Kernel;
  readonly #figures: Figures;
  readonly #scope: Scope;
  /** Of the attempts to open that are under way. */
  #attempts: AbortController | null = null;
  #notAgain: () => void = () => undefined;
  #state: ConnectionState = "opening";
  #tick = 0;
  #seen = 0;
  #seenAt = -Infinity;
  #telling = false;
  #settle = SETTLE_MS;

  constructor(kernel: Kernel, figures: Figures, scope: Scope) {
    this.#kernel = kernel;
    this.#figures = figures;
    this.#scope = scope;
    kernel.onTick = ({ tick, changes }) => {
      if (figures.merge(changes)) {
        this.#tick = tick;
        this.onFigures();
      } else if (!this.#attempts) {
        this.open();
      }
    };
    kernel.onConnection = () => {
      this.open();
    };
    scope.atEnd(() => this.#attempts?.abort());
    this.#live();
  }

  /** Asks for all figures, again and again until they come. */
  open(): void {
    this.#endAttempts();
    this.#attempts = new AbortController();
    this.#attempt(PATIENCE_MS);
  }

  /** The figures of an answer, of any verb that gives them. */
  take(frame: Frame): void {
    this.#endAttempts();
    this.#setState("open");
    if (this.#kernel.picture && frame.picture !== this.#kernel.picture.number) {
      this.#attempts = new AbortController();
      this.#notAgain = this.#scope.after(this.#settle, () => {
        this.#attempt(PATIENCE_MS);
      });
      this.#settle = Math.min(this.#settle * 2, LONGEST_PAUSE_MS);
      return;
    }
    this.#settle = SETTLE_MS;
    this.#figures.replace(frame);
    this.onFigures();
  }

  /** What came so far is on the page. Said now and then, and always of the last. */
  painted(): void {
    if (this.#telling || this.#tick === this.#seen) {
      return;
    }
    const wait = this.#seenAt + SEEN_EVERY_MS - performance.now();
    if (wait <= 0) {
      this.#tell();
      return;
    }
    this.#telling = true;
    this.#scope.after(wait, () => {
      this.#telling = false;
      this.#tell();
    });
  }

  /** A view that nobody hears of for a minute is gone, as far as the kernel can know. */
  #live(): void {
    this.#scope.after(ALIVE_EVERY_MS, () => {
      if (!document.hidden) {
        this.#tell();
      }
      this.#live();
    });
  }

  #tell(): void {
    this.#seen = this.#tick;
    this.#seenAt = performance.now();
    this.#kernel.tell("seen", { view: this.#kernel.view, tick: this.#tick });
  }

  #attempt(pause: number): void {
    const attempts = this.#attempts;
    if (!attempts) {
      return;
    }
    this.#kernel.ask("open", { view: this.#kernel.view }, { signal: attempts.signal }).then(
      (frame) => {
        this.take(frame);
        this.onOpen();
      },
      (error: unknown) => {
        // The kernel answers: asking again would bring the same.
        this.#endAttempts();
        this.#setState("open");
        if (error instanceof KernelError) {
          this.onError(error);
        }
      },
    );
    this.#notAgain = this.#scope.after(pause, () => {
      this.#setState("waiting");
      this.#attempt(Math.min(pause * 2, LONGEST_PAUSE_MS));
    });
  }

  #endAttempts(): void {
    this.#notAgain();
    this.#attempts?.abort();
    this.#attempts = null;
  }

  #setState(state: ConnectionState): void {
    if (state !== this.#state) {
      this.#state = state;
      this.onState(state);
    }
  }
}
