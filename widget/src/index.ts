/** The live picture of a running graph, as anywidget asks for it. */

import type { Model } from "./kernel.ts";
import { View } from "./view.ts";

interface Render {
  model: Model;
  el: HTMLElement;
  signal?: AbortSignal;
}

export default {
  render({ model, el, signal }: Render): () => void {
    const view = new View(model, el);
    const close = (): void => {
      view.close();
    };
    signal?.addEventListener("abort", close, { once: true });
    return close;
  },
};
