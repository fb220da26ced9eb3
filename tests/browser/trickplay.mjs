// Loads the HLS URL at argv[2] with hls.js in headless Chromium, winds to the seconds at argv[3] (JSON) by its I-frame player alone,
// and prints as JSON how light the lower half of the picture is at each of them (0 to 255), and what was asked for to show it.
import { chromium } from "playwright-core";
import { fileURLToPath } from "node:url";

const [url, times] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.SLUICE_TEST_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-background-networking", "--autoplay-policy=no-user-gesture-required", "--mute-audio"],
});
try {
  const page = await browser.newPage();
  const asked = [];
  page.on("request", (r) => asked.push({ path: new URL(r.url()).pathname, range: r.headers().range ?? null }));
  await page.setContent("<video id=v muted playsinline width=320></video><video id=w muted playsinline width=320></video>");
  await page.addScriptTag({ path: fileURLToPath(new URL("node_modules/hls.js/dist/hls.js", import.meta.url)) });
  await page.evaluate(async (url) => {
    window.seen = { errors: [], shades: [] };
    const note = (who) => (_, data) => data.fatal && window.seen.errors.push(`${who}: ${data.details}`);
    const hls = new Hls();
    hls.on(Hls.Events.ERROR, note("hls.js"));
    const buffered = new Promise((resolve) => hls.once(Hls.Events.FRAG_BUFFERED, resolve));
    hls.loadSource(url);
    hls.attachMedia(document.getElementById("v"));
    await buffered;
    window.seen.variants = hls.iframeVariants.length;
    window.trick = hls.createIFramePlayer();
    window.trick.on(Hls.Events.ERROR, note("I-frames"));
    const winder = document.getElementById("w");
    window.trick.attachMedia(winder);
    // Where the picture belongs that is on the screen: a seek may be over before its picture is.
    const noteShown = (_, frame) => {
      window.seen.shown = frame.mediaTime;
      winder.requestVideoFrameCallback(noteShown);
    };
    winder.requestVideoFrameCallback(noteShown);
    // From here on only the other one loads.
    hls.stopLoad();
  }, url);
  for (const at of JSON.parse(times)) {
    await page.evaluate(async (at) => {
      const video = document.getElementById("w");
      const limit = performance.now() + 60000;
      // The player gives a place up whose picture it flushes before it gets there ("superseded or flushed"); people wind on, and so
      // does this.
      let again = performance.now() + 5000;
      window.trick.loadMediaAt(at);
      const isThere = () => !video.seeking && video.readyState >= 2 && Math.abs(video.currentTime - at) <= 0.05;
      const isShown = () => window.seen.shown <= at + 0.05 && window.seen.shown > at - 2.05;
      // A browser need not say of a picture that it is shown: after so long it is.
      let since = Infinity;
      while (!isThere() || !(isShown() || performance.now() - since > 3000)) {
        since = isThere() ? Math.min(since, performance.now()) : Infinity;
        if (!isThere() && performance.now() > again) {
          again = performance.now() + 5000;
          window.seen.again = (window.seen.again ?? 0) + 1;
          window.trick.loadMediaAt(at);
        }
        if (performance.now() > limit) {
          const ranges = Array.from({ length: video.buffered.length }, (_, i) => [video.buffered.start(i), video.buffered.end(i)]);
          const { readyState, seeking, currentTime } = video;
          const { state, currentOp, nextOp } = window.trick.streamController;
          throw new Error(JSON.stringify({ at, currentTime, seeking, readyState, ranges, state, currentOp, nextOp, seen: window.seen }));
        }
        await new Promise((next) => requestAnimationFrame(next));
      }
      const canvas = new OffscreenCanvas(16, 16).getContext("2d");
      const { videoWidth: width, videoHeight: height } = video;
      canvas.drawImage(video, 0, height * 0.6, width, height * 0.3, 0, 0, 16, 16);
      const pixels = canvas.getImageData(0, 0, 16, 16).data;
      window.seen.shades.push(pixels.reduce((sum, value, i) => (i % 4 === 1 ? sum + value / 256 : sum), 0));
    }, at);
  }
  const winding = asked.slice(asked.findIndex((a) => a.path.endsWith("/iframes.m3u8")));
  console.log(JSON.stringify({ ...(await page.evaluate(() => window.seen)), asked: winding }));
} finally {
  await browser.close();
}
