// Plays the HLS URL at argv[2] with hls.js in headless Chromium and prints what happened as JSON.
// argv[3]: playback rate; argv[4]: "switch" to change the rung halfway, "narrow" to play some seconds through a line of 300 kb/s.
import { chromium } from "playwright-core";
import { fileURLToPath } from "node:url";

const [url, rate, mode] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.SLUICE_TEST_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-background-networking", "--autoplay-policy=no-user-gesture-required", "--mute-audio"],
});
try {
  const page = await browser.newPage();
  const loaded = [];
  page.on("request", (r) => loaded.push(...[/\/([^/]+)\/[^/]+\.m4s$/.exec(new URL(r.url()).pathname)].filter(Boolean).map((m) => m[1])));
  if (mode === "narrow") {
    const line = await page.context().newCDPSession(page);
    await line.send("Network.enable");
    await line.send("Network.emulateNetworkConditions", { offline: false, latency: 20, downloadThroughput: 37500, uploadThroughput: 37500 });
  }
  await page.setContent("<video id=v muted playsinline width=320></video>");
  await page.addScriptTag({ path: fileURLToPath(new URL("node_modules/hls.js/dist/hls.js", import.meta.url)) });
  const result = await page.evaluate(
    ({ url, rate, mode }) =>
      new Promise((resolve, reject) => {
        const video = document.getElementById("v");
        const seen = { started: null, ended: null, stalls: [], seeks: [], errors: [], levels: [], variants: 0, heights: [] };
        const told = [];
        const loader = ({ url: to, ...request }) => (told.push(fetch(to, request)), told.at(-1));
        const collector = { url: new URL("cmcd", url).href, events: ["ps", "t", "e", "bc"], interval: 1, batchSize: 2 };
        const cmcd = { version: 2, includeKeys: [], eventTargets: [collector], loader };
        const hls = new Hls({ debug: false, cmcd, ...(mode === "narrow" && { abrEwmaDefaultEstimate: 200000 }) });
        const timer = setTimeout(() => reject(new Error(JSON.stringify({ ...seen, at: video.currentTime }))), 150000);
        hls.on(Hls.Events.MANIFEST_PARSED, (_, data) => (seen.variants = data.levels.length));
        hls.on(Hls.Events.LEVEL_SWITCHED, (_, data) => seen.levels.push(data.level));
        // hls.js maps the first decode time to 0, so that the first picture begins a delay later. Where it notices that before
        // the browser plays over it, it goes there: that is where a film starts, and no error of playback.
        hls.on(Hls.Events.ERROR, (_, data) => {
          if (data.details === "bufferSeekOverHole" && seen.started === null && !data.fatal) return;
          seen.errors.push(`${data.details}${data.fatal ? " (fatal)" : ""}`);
        });
        video.addEventListener("playing", () => (seen.started ??= video.currentTime));
        // hls.js itself sets the start position once; any later seek is a jump that a viewer sees.
        video.addEventListener("seeking", () => seen.seeks.push([seen.started, video.currentTime]));
        video.addEventListener("waiting", () => seen.started !== null && !video.ended && seen.stalls.push(video.currentTime));
        video.addEventListener("resize", () => seen.heights.push(video.videoHeight));
        let switched = mode !== "switch";
        video.addEventListener("timeupdate", () => {
          if (!switched && video.currentTime > video.duration / 3) {
            switched = true;
            const here = hls.currentLevel;
            hls.nextLevel = here === 0 ? hls.levels.length - 1 : 0;
          }
        });
        const done = () => {
          clearTimeout(timer);
          seen.ended = video.currentTime;
          const quality = video.getVideoPlaybackQuality();
          seen.frames = quality.totalVideoFrames;
          // What it has not told yet it tells when it ends.
          setTimeout(() => (hls.destroy(), Promise.allSettled(told).then(() => resolve(seen))), 0);
        };
        video.addEventListener("ended", done);
        video.addEventListener("timeupdate", () => mode === "narrow" && video.currentTime > 5 && done());
        hls.loadSource(url);
        hls.attachMedia(video);
        video.playbackRate = Number(rate);
        video.play().catch((e) => reject(e));
      }),
    { url, rate, mode },
  );
  console.log(JSON.stringify({ ...result, loaded }));
} finally {
  await browser.close();
}
