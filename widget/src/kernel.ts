/**
 * The kernel, as the picture sees it. Nothing else talks to the model.
 */

import type { Ask, FromKernel, Picture, Promotion, Tick, Verb, Verbs } from "./messages.ts";
import type { Scope } from "./scope.ts";

/** What anywidget gives: the part of it that is used. */
export interface Model {
  get(name: "picture"): Picture | null | undefined;
  on(name: string, heard: (...what: never[]) => void): void;
  off(name: string, heard: (...what: never[]) => void): void;
  send(content: unknown): void;
}

/** A mistake, or what failed, over there. */
export class KernelError extends Error {
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.name = "KernelError";
    this.hint = hint;
  }
}

interface Waiting {
  answered: (value: unknown) => void;
  failed: (error: KernelError) => void;
}

export interface AskOptions {
  /** Called once if there is no answer by then; a later answer is taken all the same. */
  slow?: { after: number; then: () => void };
  /** Who asked has lost interest. */
  signal?: AbortSignal;
}

export class Kernel {
  readonly view = randomId();
  onTick: (tick: Tick) => void = () => undefined;
  onPicture: () => void = () => undefined;
  onPromotion: (promotion: Promotion) => void = () => undefined;
  /** The connection was lost, or is there again. */
  onConnection: () => void = () => undefined;

  readonly #model: Model;
  readonly #scope: Scope;
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;
  #closed = false;

  constructor(model: Model, scope: Scope) {
    this.#model = model;
    this.#scope = scope;
    this.#hear("msg:custom", this.#onMessage);
    this.#hear("change:picture", () => {
      this.onPicture();
    });
    // JupyterLab and Notebook 7 say so; elsewhere it is never heard of.
    this.#hear("comm_live_update", () => {
      this.onConnection();
    });
    scope.atEnd(() => {
      this.tell("close", { view: this.view });
      this.#closed = true;
      this.#waiting.clear();
    });
  }

  get picture(): Picture | null {
    const picture = this.#model.get("picture");
    return picture?.number ? picture : null;
  }

  /** Asks, and waits for the answer for as long as it takes. */
  ask<V extends Verb>(
    verb: V,
    args: Verbs[V]["args"],
    { slow, signal }: AskOptions = {},
  ): Promise<Verbs[V]["answer"]> {
    return new Promise((resolve, reject) => {
      const id = ++this.#last;
      const notSlow = slow && this.#scope.after(slow.after, slow.then);
      const forget = (): void => {
        this.#waiting.delete(id);
        notSlow?.();
      };
      this.#waiting.set(id, {
        answered: (value) => {
          forget();
          resolve(value as Verbs[V]["answer"]);
        },
        failed: (error) => {
          forget();
          reject(error);
        },
      });
      signal?.addEventListener("abort", forget, { once: true });
      this.#send({ type: "ask", view: this.view, id, verb, args });
    });
  }

  /** Says it, and awaits no answer. */
  tell<V extends "seen" | "close">(verb: V, args: Verbs[V]["args"]): void {
    this.#send({ type: "ask", view: this.view, id: 0, verb, args });
  }

  readonly #onMessage = (message: FromKernel): void => {
    if (message.type === "tick") {
      this.onTick(message);
      return;
    }
    if (message.type === "promotion") {
      this.onPromotion(message.promotion);
      return;
    }
    // A model may have several views, on several pages: each hears the answers of all.
    if (message.view !== this.view) {
      return;
    }
    const waiting = this.#waiting.get(message.id);
    if (message.error) {
      waiting?.failed(new KernelError(message.error.message, message.error.hint));
    } else {
      waiting?.answered(message.value);
    }
  };

  #send(ask: Ask): void {
    if (this.#closed) {
      return;
    }
    try {
      this.#model.send(ask);
    } catch {
      // The connection is gone: the same as a kernel that does not answer.
    }
  }

  #hear(name: string, heard: (...what: never[]) => void): void {
    this.#model.on(name, heard);
    this.#scope.atEnd(() => {
      this.#model.off(name, heard);
    });
  }
}

/** crypto.randomUUID is missing on pages that come by plain http. */
function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (one) => one.toString(16).padStart(2, "0")).join("");
}
