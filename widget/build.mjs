/**
 * Makes the bundle that the Python package ships: `widget.js`, with the style sheet in it.
 *
 *     node build.mjs           writes it
 *     node build.mjs --check   says whether what is committed is what would be written
 */

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const STATIC = fileURLToPath(new URL("../graphnb/views/widget/static/", import.meta.url));
/** Every page that shows a picture loads it, and every saved widget state may hold it. */
const LIMIT = 60 * 1024;

const css = (await bundle("src/widget.css", {})).trim();
const text = await bundle("src/index.ts", { GRAPHNB_CSS: JSON.stringify(css) });

const size = Buffer.byteLength(text);
if (size > LIMIT) {
  fail(`The bundle has ${size} bytes, more than ${LIMIT}.`, "leave something out of it");
}
if (process.argv.includes("--check")) {
  const committed = await readFile(`${STATIC}widget.js`, "utf8").catch(() => null);
  if (committed !== text) {
    fail(
      "graphnb/views/widget/static/widget.js is not what widget/src makes.",
      "npm run build, and commit what it wrote",
    );
  }
  console.log(`The bundle is what the sources make: ${size} bytes.`);
} else {
  await mkdir(STATIC, { recursive: true });
  await writeFile(`${STATIC}widget.js`, text);
  console.log(`Wrote ${size} bytes to graphnb/views/widget/static/.`);
}

async function bundle(entry, define) {
  const made = await build({
    absWorkingDir: HERE,
    entryPoints: [entry],
    outdir: "out",
    bundle: true,
    charset: "utf8",
    define,
    format: "esm",
    legalComments: "none",
    logLevel: "warning",
    minify: true,
    // Private fields stay what they are; every browser that knows container queries knows them.
    target: "es2022",
    write: false,
  });
  return made.outputFiles[0].text;
}

function fail(message, hint) {
  console.error(`${message}\nhint: ${hint}`);
  process.exit(1);
}
