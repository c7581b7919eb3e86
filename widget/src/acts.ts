/** Asking the kernel for something because somebody pressed something. */

import type { Kernel } from "./kernel.ts";
import type { Verb, Verbs } from "./messages.ts";
import type { Notices } from "./notices.ts";
import { NO_ANSWER } from "./words.ts";

const SLOW_MS = 30_000;

export class Acts {
  readonly #kernel: Kernel;
  readonly #notices: Notices;

  constructor(kernel: Kernel, notices: Notices) {
    this.#kernel = kernel;
    this.#notices = notices;
  }

  /**
   * Asks, and shows on a control that it is under way. What fails is a notice, or goes to `failed`.
   *
   * Returns: the answer, however late; null if there is none, because it failed (which is said) or
   * because the control is still at it.
   */
  async run<V extends Verb>(
    control: HTMLElement | null,
    verb: V,
    args: Verbs[V]["args"],
    failed?: (error: unknown) => void,
  ): Promise<Verbs[V]["answer"] | null> {
    if (control?.getAttribute("aria-busy") === "true") {
      return null;
    }
    setBusy(control, true);
    let warned: HTMLElement | null = null;
    const then = (): void => {
      // It can be pressed again.
      setBusy(control, false);
      warned = this.#notices.warn(NO_ANSWER);
    };
    try {
      return await this.#kernel.ask(verb, args, { slow: { after: SLOW_MS, then } });
    } catch (error) {
      if (failed) {
        failed(error);
      } else {
        this.#notices.fail(error);
      }
      return null;
    } finally {
      setBusy(control, false);
      this.#notices.dismiss(warned);
    }
  }
}

/** Not disabled: that would take the focus away. */
export function setBusy(control: HTMLElement | null, busy: boolean): void {
  if (busy) {
    control?.setAttribute("aria-busy", "true");
  } else {
    control?.removeAttribute("aria-busy");
  }
}
