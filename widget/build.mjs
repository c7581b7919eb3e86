/**
 * Makes the bundle that the Python package ships: `widget.js` and `widget.css`.
 *
 *     node build.mjs           writes it
 *     node build.mjs --check   says whether what is committed is what would be written
 */

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const STATIC = fileURLToPath(new URL("../graphnb/views/widget/static/", import.meta.url));
/** Every page that shows a picture loads both, and every saved widget state may hold them. */
const LIMIT = 60 * 1024;

const made = await build({
  absWorkingDir: HERE,
  entryPoints: { widget: "src/index.ts", style: "src/widget.css" },
  outdir: "out",
  bundle: true,
  charset: "utf8",
  format: "esm",
  legalComments: "none",
  logLevel: "warning",
  minify: true,
  // Private fields stay what they are; every browser that knows container queries knows them.
  target: "es2022",
  write: false,
});
const files = new Map(
  made.outputFiles.map((one) => [one.path.endsWith(".css") ? "widget.css" : "widget.js", one.text]),
);

const size = [...files.values()].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
if (size > LIMIT) {
  fail(`The bundle has ${size} bytes, more than ${LIMIT}.`, "leave something out of it");
}
if (process.argv.includes("--check")) {
  for (const [name, text] of files) {
    const committed = await readFile(STATIC + name, "utf8").catch(() => null);
    if (committed !== text) {
      fail(
        `graphnb/views/widget/static/${name} is not what widget/src makes.`,
        "npm run build, and commit what it wrote",
      );
    }
  }
  console.log(`The bundle is what the sources make: ${size} bytes.`);
} else {
  await mkdir(STATIC, { recursive: true });
  for (const [name, text] of files) {
    await writeFile(STATIC + name, text);
  }
  console.log(`Wrote ${size} bytes to graphnb/views/widget/static/.`);
}

function fail(message, hint) {
  console.error(`${message}\nhint: ${hint}`);
  process.exit(1);
}
