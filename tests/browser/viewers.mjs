// Watches the HLS URL at argv[2] with so many hls.js players as argv[3] says, each with ten seconds in its buffer, in headless Chromium until
// standard input ends. Prints a line when all of them play, and then as JSON for each player how long it played and waited, seconds, and why it gave up, if it did.
import { chromium } from "playwright-core";
import { fileURLToPath } from "node:url";

const [url, players] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.SLUICE_TEST_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-background-networking", "--autoplay-policy=no-user-gesture-required", "--mute-audio"],
});
try {
  const page = await browser.newPage({ viewport: { width: 400, height: 300 } });
  await page.addScriptTag({ path: fileURLToPath(new URL("node_modules/hls.js/dist/hls.js", import.meta.url)) });
  await page.evaluate(
    ({ url, players }) => {
      window.seen = Array.from({ length: players }, () => {
        const seen = { played: 0, stalled: 0, gave_up: null, errors: [] };
        const video = document.createElement("video");
        Object.assign(video, { muted: true, playsInline: true, width: 120 });
        document.body.append(video);
        const hls = new Hls({ maxBufferLength: 10, maxMaxBufferLength: 10, startLevel: 0 });
        // As the app's player does.
        let tries = 0;
        hls.on(Hls.Events.ERROR, (_, data) => {
          seen.errors = [...seen.errors.slice(-9), `${data.details} ${data.response?.code ?? ""} ${data.error?.message ?? ""}`];
          if (!data.fatal) return;
          if (data.type === Hls.ErrorTypes.NETWORK_ERROR && (tries += 1) < 20) setTimeout(() => hls.startLoad(), 1000);
          else seen.gave_up = data.details;
        });
        hls.on(Hls.Events.FRAG_BUFFERED, () => (tries = 0));
        video.addEventListener("ended", () => ((video.currentTime = 0), void video.play()));
        hls.loadSource(url);
        hls.attachMedia(video);
        void video.play();
        let [at, last] = [0, performance.now()];
        setInterval(() => {
          const now = performance.now();
          const moved = video.currentTime !== at;
          if (moved) seen.played += (now - last) / 1000;
          else if (seen.played > 0) seen.stalled += (now - last) / 1000;
          [at, last] = [video.currentTime, now];
        }, 250);
        return seen;
      });
    },
    { url, players: Number(players) },
  );
  await page.waitForFunction(() => window.seen.every((s) => s.played > 1), null, { timeout: 120000 });
  console.log("playing");
  for await (const _ of process.stdin);
  console.log(JSON.stringify(await page.evaluate(() => window.seen)));
} finally {
  await browser.close();
}
