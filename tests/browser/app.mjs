// Journeys through the web app in headless Chromium. argv[2] is a JSON of where it is and what to do; prints what was seen
// as JSON. Whatever a page complains of, in its console or as a breach of its policy, is part of that.
import axeCore from "axe-core";
import http from "node:http";
import { chromium } from "playwright-core";
import { fill, pages, PASSWORD } from "./world.mjs";

const { url: direct, prefix, mode, name, film, films, wrong, media, rungs, sound, post, dub, admin, every } = JSON.parse(process.argv[2]);
// plain.example is this machine by a name that browsers do not trust as that.
const browser = await chromium.launch({
  executablePath: process.env.SLUICE_TEST_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-background-networking", "--autoplay-policy=no-user-gesture-required", "--mute-audio", "--host-resolver-rules=MAP plain.example 127.0.0.1"],
});
const complaints = [];
const url = prefix ? await behind(prefix) : direct;

/** A proxy that has the service under a path of its own, which it takes away. */
async function behind(prefix) {
  const { hostname, port } = new URL(direct);
  const onward = ({ url, method, headers }) => http.request({ hostname, port, method, headers, path: url.slice(prefix.length) });
  const proxy = http.createServer((asked, answer) => {
    if (!asked.url.startsWith(`${prefix}/`)) return answer.writeHead(418).end();
    const request = onward(asked).on("error", () => answer.destroy());
    request.on("response", (got) => got.pipe(answer.writeHead(got.statusCode, got.headers)).on("error", () => got.destroy()));
    asked.pipe(request);
  });
  proxy.on("upgrade", (asked, socket) => {
    const request = onward(asked).on("error", () => socket.destroy()).end();
    request.on("upgrade", (got, other) => {
      for (const end of [socket, other]) end.on("error", () => (socket.destroy(), other.destroy()));
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${Object.entries(got.headers).map(([n, v]) => `${n}: ${v}\r\n`).join("")}\r\n`);
      other.pipe(socket).pipe(other);
    });
  });
  await new Promise((done) => proxy.listen(0, "localhost", done));
  return `http://localhost:${proxy.address().port}${prefix}`;
}

/** A person with a browser of their own. */
async function person(name, more = {}) {
  const context = await browser.newContext({ locale: "en-GB", viewport: { width: 1280, height: 800 }, ...more });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  // Over plain HTTP this one header has no meaning, which browsers say.
  const idle = (text) => url.includes("plain.example") && text.startsWith("The Cross-Origin-Opener-Policy header has been ignored");
  page.on("console", (m) => ["error", "warning"].includes(m.type()) && !idle(m.text()) && complaints.push(`${name}: ${m.text()} ${m.location().url}`));
  // A page that asks the same again and again is broken, whatever it shows.
  const asked = new Map();
  page.on("framenavigated", () => asked.clear());
  page.on("request", (request) => {
    const what = `${request.method()} ${request.url()}`;
    asked.set(what, (asked.get(what) ?? 0) + 1);
    if (asked.get(what) === 20 && what.includes("/api/")) complaints.push(`${name}: asks again and again: ${what}`);
  });
  page.on("pageerror", (e) => complaints.push(`${name}: ${e}`));
  return page;
}

async function signUp(page, name) {
  await page.goto(`${url}/`);
  await page.getByRole("main").getByRole("link", { name: "Sign up" }).first().click();
  await page.getByLabel("User name").fill(name);
  await page.getByLabel("E-mail address").fill(`${name}@example.org`);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign up" }).click();
  await page.getByRole("heading", { name: "Upload", level: 1 }).waitFor();
}

async function logIn(page, name) {
  await page.goto(`${url}/login`);
  await page.getByLabel("User name or e-mail address").fill(name);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("main").getByRole("button", { name: "Log in" }).click();
  await page.getByRole("heading", { name: "For you" }).waitFor();
}

/** Bytes over the line for the first page, as they are compressed. */
const firstLoad = (page) =>
  page.evaluate(() => performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation"))
    .filter((e) => /\.(js|css)$|\/$/.test(new URL(e.name).pathname)).reduce((sum, e) => sum + e.encodedBodySize, 0));

const plays = (page) =>
  page.waitForFunction(() => {
    const video = document.querySelector("video");
    return video && video.currentTime > 1 && !video.paused && { at: video.currentTime, width: video.videoWidth, height: video.videoHeight };
  }).then((handle) => handle.jsonValue());

const modes = {
  // Signs up, uploads, and watches while it is being made; then somebody without an account does so by a link.
  async newcomer() {
    const page = await person(name);
    await page.goto(`${url}/`);
    await page.getByRole("main").getByRole("link", { name: "Sign up" }).first().waitFor();
    const bytes = await firstLoad(page);
    const began = performance.now();
    await signUp(page, name);
    await page.getByLabel("Choose files").setInputFiles(film);
    await page.getByRole("link", { name: "Watch" }).click();
    const seen = await plays(page);
    // The film is private: its room knows the login by the cookie alone.
    await page.locator("[data-live=true]").waitFor({ state: "attached" });
    const took = performance.now() - began;
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByRole("button", { name: "Share" }).click();
    await page.getByRole("button", { name: "Make a link" }).click();
    const link = await page.getByLabel(/^Until/).inputValue();
    const stranger = await person("stranger");
    await stranger.goto(link);
    const shown = await plays(stranger);
    return { seen, took, shown, bytes, address: new URL(page.url()).pathname };
  },

  // Two rates of one size are told apart, and the one that is chosen is shown.
  async qualities() {
    const page = await person(name);
    await logIn(page, name);
    await page.goto(`${url}/watch/${media}`);
    await plays(page);
    // However far a slow machine has come, something is left to load.
    await page.evaluate(() => Object.assign(document.querySelector("video"), { currentTime: 1 }).pause());
    await page.getByRole("button", { name: "Quality, speed, captions" }).click();
    const menu = page.locator("label").filter({ has: page.getByText("Quality", { exact: true }) }).locator("select");
    const choices = await menu.locator("option").allTextContents();
    const loaded = [];
    const from = (response) => new URL(response.url()).pathname.split("/").slice(-2);
    for (const [at, rung] of rungs.entries()) {
      // A segment of the rung before may still be on its way when the next is chosen.
      const segment = page.waitForResponse((r) => from(r)[0] === rung && from(r)[1].endsWith(".m4s"));
      await menu.selectOption({ label: choices.at(at + 1) });
      loaded.push(from(await segment)[0]);
    }
    return { choices, loaded };
  },

  // Two people at one film: what one says the other hears, and its stamp leads to the moment.
  async talk() {
    const [a, b] = await Promise.all([person("a"), person("b")]);
    await Promise.all([logIn(a, name), signUp(b, "guest")]);
    for (const page of [a, b]) {
      await page.goto(`${url}/watch/${media}`);
      await page.locator("[data-live=true]").waitFor({ state: "attached" });
    }
    await plays(b);
    await b.getByRole("button", { name: "Pause" }).click();
    await b.getByLabel("Your comment").fill("What a <b>view</b>!");
    await b.getByLabel(/^about/).check();
    await b.getByRole("button", { name: "Send" }).click();
    const heard = a.getByRole("listitem").filter({ hasText: "What a <b>view</b>!" });
    await heard.waitFor();
    await plays(a);
    await a.getByRole("button", { name: "Pause" }).click();
    await a.evaluate(() => (document.querySelector("video").currentTime = 8));
    await heard.getByRole("button", { name: /^Go to/ }).click();
    await a.waitForFunction(() => document.querySelector("video").currentTime < 5);
    await heard.getByRole("button", { name: "Answer" }).click();
    await a.getByLabel("Your answer").fill("It was early.");
    await heard.getByRole("button", { name: "Send" }).click();
    await b.getByText("It was early.").waitFor();
    const seen = await b.getByRole("listitem").filter({ hasText: "It was early." }).count();
    return { seen, viewers: await a.getByText(/here$/).textContent() };
  },

  // A sound goes on while one browses, a post plays its film and silences it, and a dub is added in the studio.
  async listen() {
    const page = await person(name);
    await logIn(page, name);
    await page.goto(`${url}/watch/${sound}`);
    await page.getByRole("button", { name: "Listen while you browse" }).click();
    const bar = page.getByRole("region", { name: "What you listen to" });
    const heard = (paused) => page.waitForFunction((paused) => {
      const audio = document.querySelector("video[aria-hidden]");
      return audio && audio.paused === paused && audio.currentTime > 0.2 && { at: audio.currentTime };
    }, paused).then((handle) => handle.jsonValue());
    const before = await heard(false);
    await page.getByRole("link", { name: "Posts" }).click();
    await page.getByRole("heading", { name: "Posts", level: 1 }).waitFor();
    await page.waitForFunction((at) => document.querySelector("video[aria-hidden]").currentTime > at + 1, before.at);
    await page.locator(`a[href$="posts/${post}"]`).first().click();
    await page.waitForURL(`**/posts/${post}`);
    // The list, which plays the film too, stays until the post is there.
    await page.getByRole("heading", { name: "How", level: 1 }).waitFor();
    await page.getByRole("main").getByRole("button", { name: /^Play/ }).click();
    await heard(true);
    const seen = await page.waitForFunction(() => {
      const video = document.querySelector("main video");
      return video && video.currentTime > 1 && { width: video.videoWidth };
    }).then((handle) => handle.jsonValue());
    await page.goto(`${url}/watch/${sound}`);
    await page.getByRole("button", { name: "Listen while you browse" }).click();
    await heard(false);
    await bar.getByRole("button", { name: "Stop listening" }).click();
    await bar.waitFor({ state: "detached" });
    await page.goto(`${url}/studio/${media}`);
    const form = page.getByRole("region", { name: "Sound" });
    await form.getByLabel("Language").fill("fr");
    await form.getByLabel("File").setInputFiles(dub);
    await form.getByRole("button", { name: "Add" }).click();
    const track = form.getByRole("listitem").filter({ hasText: "French" });
    await track.getByRole("button", { name: "Hear it first" }).click();
    await track.getByText("Heard first").waitFor();
    return { seen, tracks: await form.getByRole("listitem").count() };
  },

  // A file that is none explains itself; one that is broken off goes on where it was, after a reload.
  async upload() {
    const page = await person(name);
    await signUp(page, name);
    await page.getByLabel("Choose files").setInputFiles(wrong);
    const why = await page.getByRole("alert").innerText();
    // The browser itself reports that the API refused it.
    const refusals = complaints.splice(0).filter((c) => !c.includes("Failed to load resource"));
    const line = await page.context().newCDPSession(page);
    const speed = (uploadThroughput) => line.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput });
    await line.send("Network.enable");
    await speed(8 << 20);
    await page.getByLabel("Choose files").setInputFiles(film);
    await page.waitForFunction(() => [...document.querySelectorAll("progress")].some((p) => p.max > 1e6 && p.value / p.max > 0.5));
    await page.getByRole("button", { name: "Pause" }).click();
    await page.reload();
    await page.getByText(/^Interrupted/).waitFor();
    await speed(-1);
    const offsets = [];
    page.on("request", (r) => r.method() === "PATCH" && offsets.push(Number(r.headers()["upload-offset"])));
    await page.getByLabel("Choose files").setInputFiles(film);
    await page.getByRole("link", { name: "Watch" }).click();
    return { why, refusals, offset: offsets[0], seen: await plays(page) };
  },

  // Every page, as a screen reader and as people see it, in both themes.
  async pages() {
    const world = await fill(url, { admin, films, wrong });
    const sample = ["home", "login", "feed", "watch", "upload", "creator", "playlist", "post", "studio", "studio-media", "settings-tokens", "admin-reports", "docs"];
    const all = pages(world).filter(([page]) => every || sample.includes(page));
    const found = [];
    await Promise.all(["nobody", "ada", "bob", "root"].map(async (who) => {
      const page = await person(who, { reducedMotion: "reduce" });
      if (who !== "nobody") await logIn(page, who === "root" ? admin.login : who);
      // A page is loaded in its theme, as people load it: what is in the middle of changing has colours of both.
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        for (const [label, path] of all.filter(([, , by]) => by === who)) {
          await page.goto(url + path);
          await page.locator("h1").first().waitFor({ state: "attached" });
          await page.waitForFunction(() => !document.querySelector(".spinner"));
          await page.evaluate(() => new Promise(requestAnimationFrame).then(() => Promise.allSettled(document.getAnimations().map((a) => a.finished))));
          await page.evaluate(axeCore.source);
          const rules = colorScheme === "dark" ? { runOnly: ["color-contrast"] } : {};
          const { violations } = await page.evaluate((rules) => axe.run(document, { resultTypes: ["violations"], ...rules }), rules);
          for (const v of violations.filter((v) => ["serious", "critical"].includes(v.impact)))
            found.push(`${label}, ${colorScheme}: ${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.html.slice(0, 160)} ${n.any[0]?.message ?? ""}`).join(" | ")}`);
        }
      }
    }));
    // That page is about what is not there.
    const expected = (c) => c.startsWith("nobody") && c.includes("404 (Not Found)");
    return { visited: all.length, found, refusals: complaints.splice(0).filter((c) => !expected(c)) };
  },
};

const result = await modes[mode]().catch(async (error) => {
  for (const [i, context] of browser.contexts().entries())
    for (const page of context.pages()) {
      if (process.env.SLUICE_TEST_SHOTS) await page.screenshot({ path: `${process.env.SLUICE_TEST_SHOTS}/failed-${mode}-${i}.png` });
      complaints.push(`${page.url()}: ${(await page.locator("body").innerText()).slice(0, 1500)}`);
    }
  console.error(error, complaints);
  process.exitCode = 1;
});
console.log(JSON.stringify({ ...result, complaints }));
await browser.close();
process.exit();
