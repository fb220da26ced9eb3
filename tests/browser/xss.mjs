// Opens what the service answers in Chromium, and shows what it calls safe HTML as a careless page would.
// argv[2]: JSON of {urls, token, htmls}. Prints what ran.
import { chromium } from "playwright-core";

const { urls, token, htmls } = JSON.parse(process.argv[2]);
const browser = await chromium.launch({
  executablePath: process.env.SLUICE_TEST_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-background-networking"],
});
const ran = [];
let opened = 0;
try {
  const page = await browser.newPage({ extraHTTPHeaders: { authorization: `Bearer ${token}` } });
  let at = "";
  page.on("dialog", (d) => (ran.push(`dialog at ${at}: ${d.message()}`), d.dismiss()));
  await page.exposeFunction("xss", (what) => ran.push(`called at ${at}: ${what}`));
  for (const url of urls) {
    at = url;
    // What is offered for saving is not shown, which is fine.
    const answer = await page.goto(url).catch((e) => (String(e).includes("Download is starting") ? null : Promise.reject(e)));
    if (answer && answer.status() !== 200) throw new Error(`${url}: ${answer.status()}`);
    await page.waitForTimeout(30);
    opened += 1;
  }
  const plain = await browser.newPage();
  plain.on("dialog", (d) => (ran.push(`dialog in html: ${d.message()}`), d.dismiss()));
  await plain.exposeFunction("xss", (what) => ran.push(`called in html: ${what}`));
  await plain.goto("about:blank");
  // As a page shows them that does not leave it to the browser.
  for (const url of urls.filter((u) => /captions\/[a-z]+$/.test(u))) {
    at = url;
    const text = await (await page.context().request.get(url, { headers: { authorization: `Bearer ${token}` } })).text();
    const shown = await plain.evaluate(async (text) => {
      const video = document.createElement("video");
      const track = document.createElement("track");
      track.src = URL.createObjectURL(new Blob([text], { type: "text/vtt" }));
      video.append(track);
      document.body.append(video);
      track.track.mode = "showing";
      await new Promise((done, failed) => ((track.onload = done), (track.onerror = failed)));
      const cues = [...track.track.cues];
      for (const cue of cues) document.body.append(cue.getCueAsHTML());
      await new Promise((r) => setTimeout(r, 100));
      return cues.length;
    }, text);
    if (shown === 0) throw new Error("Chromium read no cue");
  }
  for (const html of htmls) {
    const found = await plain.evaluate(async (html) => {
      const box = document.createElement("div");
      document.body.append(box);
      box.innerHTML = html;
      await new Promise((r) => setTimeout(r, 100));
      const found = [];
      for (const element of box.querySelectorAll("*")) {
        for (const a of element.attributes) {
          if (/^on/i.test(a.name) || a.name === "style" || /^\s*(javascript|data|vbscript):/i.test(a.value)) found.push(`${element.tagName} ${a.name}=${a.value}`);
        }
        if (/^(script|iframe|object|embed|svg|math|style|form|link|meta|base)$/i.test(element.tagName)) found.push(element.tagName);
        if (element.tagName === "A") element.addEventListener("click", (e) => /^https?:/.test(element.protocol) && e.preventDefault()), element.click();
      }
      await new Promise((r) => setTimeout(r, 50));
      return found;
    }, html);
    ran.push(...found);
    opened += 1;
  }
  console.log(JSON.stringify({ ran, opened }));
} finally {
  await browser.close();
}
