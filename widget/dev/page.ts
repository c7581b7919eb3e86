/** The dev page: `?graph=small|large`, `&rate=10` ticks a second, `&quiet` for a busy kernel. */

import type { Picture } from "../src/messages.ts";
import widget from "../src/index.ts";
import { FakeKernel } from "./fake_kernel.ts";

const asked = new URLSearchParams(location.search);
const answer = await fetch(`/pictures/${asked.get("graph") ?? "small"}.json`);
const kernel = new FakeKernel((await answer.json()) as Picture, {
  rate: Number(asked.get("rate") ?? 10),
  quiet: asked.has("quiet"),
  bare: asked.has("bare"),
  all: asked.has("all"),
});
const here = document.getElementById("here");
if (here) {
  const close = widget.render({ model: kernel, el: here });
  // For scripts that drive the page.
  Object.assign(window, { kernel, close });
}
