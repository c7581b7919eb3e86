/** The live picture of a running graph, as anywidget asks for it. */

import { Drawing } from "./drawing.ts";
import type { Model } from "./kernel.ts";
import { dress } from "./looks.ts";
import { View } from "./view.ts";

interface Initialize {
  model: Model;
}

interface Render extends Initialize {
  el: HTMLElement;
  signal?: AbortSignal;
}

export default {
  /** The picture comes a little before the output that it is shown in. */
  initialize({ model }: Initialize): () => void {
    dress(document);
    const prepare = (): void => {
      const picture = model.get("picture");
      if (picture?.number) {
        Drawing.prepare(picture);
      }
    };
    prepare();
    model.on("change:picture", prepare);
    return () => {
      model.off("change:picture", prepare);
    };
  },

  render({ model, el, signal }: Render): () => void {
    dress(el);
    const view = new View(model, el);
    const close = (): void => {
      view.close();
    };
    signal?.addEventListener("abort", close, { once: true });
    return close;
  },
};
