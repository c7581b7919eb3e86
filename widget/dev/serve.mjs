/**
 * A page to work on the picture with: a made-up kernel, no Jupyter.
 *
 *     npm run dev          http://127.0.0.1:8123/?graph=small or large
 *     PORT=9000 npm run dev
 */

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { context } from "esbuild";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const PYTHON = fileURLToPath(new URL("../../.venv/bin/python", import.meta.url));

if (!existsSync(`${HERE}pictures/small.json`)) {
  execFileSync(PYTHON, [`${HERE}pictures.py`], { stdio: "inherit" });
}
const made = await context({
  absWorkingDir: HERE,
  entryPoints: { page: "page.ts", widget: "../src/widget.css" },
  outdir: "made",
  define: { GRAPHNB_CSS: '""' }, // the page has it as a file
  bundle: true,
  format: "esm",
  target: "es2022",
  write: false,
});
const { hosts, port } = await made.serve({
  host: "127.0.0.1",
  port: Number(process.env.PORT ?? 8123),
  servedir: HERE,
});
console.log(`http://${hosts[0]}:${port}/?graph=small`);
