/**
 * What is opened is closed: everything that outlives a call belongs to a scope, and ends with it.
 */

type Events = HTMLElementEventMap & DocumentEventMap;

export class Scope {
  readonly #ending = new AbortController();
  readonly #last: (() => void)[] = [];

  /** Ends with this one, if not before. */
  child(): Scope {
    const made = new Scope();
    this.#ending.signal.addEventListener(
      "abort",
      () => {
        made.close();
      },
      { signal: made.#ending.signal },
    );
    return made;
  }

  get closed(): boolean {
    return this.#ending.signal.aborted;
  }

  listen<K extends keyof Events>(
    target: EventTarget,
    type: K,
    heard: (event: Events[K]) => void,
    options: AddEventListenerOptions = {},
  ): void {
    target.addEventListener(type, heard as EventListener, {
      ...options,
      signal: this.#ending.signal,
    });
  }

  /** Does it once, later; answers what calls it off. */
  after(ms: number, work: () => void): () => void {
    if (this.closed) {
      return () => undefined;
    }
    const timer = setTimeout(() => {
      this.#ending.signal.removeEventListener("abort", cancel);
      work();
    }, ms);
    const cancel = (): void => {
      clearTimeout(timer);
      this.#ending.signal.removeEventListener("abort", cancel);
    };
    this.#ending.signal.addEventListener("abort", cancel);
    return cancel;
  }

  /** Done when it closes, the last first. */
  atEnd(work: () => void): void {
    this.#last.push(work);
  }

  close(): void {
    if (this.closed) {
      return;
    }
    this.#ending.abort();
    for (const work of this.#last.reverse()) {
      work();
    }
  }
}
