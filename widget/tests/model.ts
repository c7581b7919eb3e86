/** A model that keeps what is sent, and answers when it is told to. */

import type { Model } from "../src/kernel.ts";
import type { Ask, Changes, FromKernel, Picture, Verb, Verbs } from "../src/messages.ts";

type Heard = (...what: never[]) => void;

export class TestModel implements Model {
  readonly sent: Ask[] = [];
  broken = false;
  #picture: Picture;
  #tick = 0;
  readonly #heard: [string, Heard][] = [];

  constructor(picture: Picture) {
    this.#picture = picture;
  }

  get listeners(): number {
    return this.#heard.length;
  }

  get(): Picture {
    return this.#picture;
  }

  on(name: string, heard: Heard): void {
    this.#heard.push([name, heard]);
  }

  off(name: string, heard: Heard): void {
    const at = this.#heard.findIndex((one) => one[0] === name && one[1] === heard);
    if (at >= 0) {
      this.#heard.splice(at, 1);
    }
  }

  send(content: unknown): void {
    if (this.broken) {
      throw new Error("Comm is closed");
    }
    this.sent.push(content as Ask);
  }

  emit(name: string, ...what: unknown[]): void {
    for (const [of, heard] of [...this.#heard]) {
      if (of === name) {
        (heard as (...what: unknown[]) => void)(...what);
      }
    }
  }

  say(message: FromKernel): void {
    this.emit("msg:custom", message, []);
  }

  show(picture: Picture): void {
    this.#picture = picture;
    this.emit("change:picture");
  }

  /** What was asked with a verb. */
  asks(verb: Verb): Ask[] {
    return this.sent.filter((one) => one.verb === verb);
  }

  last<V extends Verb>(verb: V): Ask<V> {
    const found = this.asks(verb).at(-1);
    if (!found) {
      throw new Error(`${verb} was never asked`);
    }
    return found as Ask<V>;
  }

  /** Answers the last question with that verb; what awaits the answer has gone on after this. */
  async answer<V extends Verb>(verb: V, value: Verbs[V]["answer"]): Promise<void> {
    const { view, id } = this.last(verb);
    this.say({ type: "reply", view, id, value });
    await settled();
  }

  async refuse(verb: Verb, message: string, hint: string): Promise<void> {
    const { view, id } = this.last(verb);
    this.say({ type: "reply", view, id, error: { message, hint } });
    await settled();
  }

  tick(changes: Omit<Changes, "picture"> & { picture?: number }): void {
    const { number: picture } = this.#picture;
    this.say({ type: "tick", tick: ++this.#tick, changes: { picture, ...changes } });
  }
}

/** Lets all promises go on that can. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) {
    await Promise.resolve();
  }
}
