// Every text of the app is in every language, and no language has texts that the app does not. Prints what is wrong;
// status 1 then.
import { readdir, readFile } from "node:fs/promises";

const src = new URL("../src/", import.meta.url);
const files = (await readdir(src, { recursive: true })).filter((f) => /\.(svelte|ts)$/.test(f) && !f.startsWith("locales"));
const LITERAL = String.raw`("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')`;
const ONE = new RegExp(String.raw`\bt\(\s*${LITERAL}`, "g");
const FORMS = new RegExp(String.raw`\btn\([^"']*?,\s*${LITERAL},\s*${LITERAL}`, "g");
const text = (literal) => Function(`return ${literal}`)();

export const wanted = new Set();
for (const file of files) {
  const code = await readFile(new URL(file, src), "utf8");
  for (const [, one] of code.matchAll(ONE)) wanted.add(text(one));
  for (const [, one, other] of code.matchAll(FORMS)) wanted.add(text(one)).add(text(other));
}

let wrong = 0;
for (const file of await readdir(new URL("locales/", src))) {
  const has = JSON.parse(await readFile(new URL(`locales/${file}`, src), "utf8"));
  const names = (t) => [...t.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort().join();
  const say = (what, t) => (console.error(`${file}: ${what}: ${JSON.stringify(t)}`), (wrong += 1));
  for (const t of wanted) if (!(t in has)) say("missing", t);
  for (const [t, there] of Object.entries(has)) {
    if (!wanted.has(t)) say("not used", t);
    else if (names(t) !== names(there)) say("other values", t);
  }
}
console.error(`${wanted.size} texts`);
process.exitCode = wrong ? 1 : 0;
