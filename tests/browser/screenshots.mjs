// Pictures of every page of the web app in both themes, on a desk and on a phone. argv: URL of an empty service whose
// administrator is `root`, folder, films.
import { chromium } from "playwright-core";
import { mkdir } from "node:fs/promises";
import { fill, pages, PASSWORD } from "./world.mjs";

const [url, folder, ...films] = process.argv.slice(2);
const only = process.env.ONLY?.split(",");
const admin = { login: "root", password: PASSWORD };
const world = process.env.WORLD ? JSON.parse(process.env.WORLD) : await fill(url, { admin, films });
if (process.env.KEEP) console.log(JSON.stringify({ media: { id: world.media.id }, list: { id: world.list.id }, post: { id: world.post.id }, project: { id: world.project.id }, ada: { id: world.ada.id } }));
const browser = await chromium.launch({ executablePath: process.env.SLUICE_TEST_CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--mute-audio", "--hide-scrollbars"] });
const sizes = { desk: { width: 1360, height: 860 }, phone: { width: 390, height: 844 } };
await mkdir(folder, { recursive: true });
for (const who of ["nobody", "ada", "bob", "root"]) {
  const states = await browser.newContext();
  if (who !== "nobody") {
    const page = await states.newPage();
    await page.goto(`${url}/login`);
    await page.getByLabel("User name or e-mail address").fill(who);
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("main").getByRole("button", { name: "Log in" }).click();
    await page.waitForFunction(() => localStorage.getItem("sluice.session"));
  }
  const storageState = await states.storageState();
  for (const [size, viewport] of Object.entries(sizes)) {
    for (const colorScheme of ["light", "dark"]) {
      const context = await browser.newContext({ viewport, colorScheme, storageState, locale: "en-GB", reducedMotion: "reduce" });
      const page = await context.newPage();
      page.on("console", (m) => m.type() === "error" && console.error(`${page.url()}: ${m.text()}`));
      for (const [name, path] of pages(world).filter(([n, , by]) => by === who && (!only || only.includes(n)))) {
        await page.goto(url + path);
        await page.locator("h1").first().waitFor({ state: "attached" });
        await page.waitForFunction(() => !document.querySelector(".spinner"));
        await page.evaluate(() => new Promise((done) => setTimeout(done, 700)));
        await page.screenshot({ path: `${folder}/${name}-${size}-${colorScheme}.png`, fullPage: true });
      }
      await context.close();
    }
  }
  await states.close();
}
await browser.close();
