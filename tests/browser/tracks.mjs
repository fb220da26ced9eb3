// Plays the URL at argv[2] in headless Chromium, HLS with hls.js and DASH with Shaka Player, chooses one sound after the other,
// and prints as JSON what each is called and the loudest tone that is heard of it, Hz.
import { chromium } from "playwright-core";
import { fileURLToPath } from "node:url";

const [url] = process.argv.slice(2);
const dash = url.endsWith(".mpd");
const script = dash ? "shaka-player/dist/shaka-player.compiled.js" : "hls.js/dist/hls.js";
const browser = await chromium.launch({
  executablePath: process.env.SLUICE_TEST_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-background-networking", "--autoplay-policy=no-user-gesture-required", "--mute-audio"],
});
try {
  const page = await browser.newPage();
  await page.setContent("<video id=v playsinline width=320></video>");
  await page.addScriptTag({ path: fileURLToPath(new URL(`node_modules/${script}`, import.meta.url)) });
  const result = await page.evaluate(
    async ({ url, dash }) => {
      const video = document.getElementById("v");
      const seen = { tracks: [], errors: [] };
      const limit = setTimeout(() => seen.errors.push("too slow"), 100000);
      const until = async (what, test) => {
        for (;;) {
          const found = test();
          if (found) return found;
          if (seen.errors.includes("too slow")) throw new Error(`${what}: ${JSON.stringify(seen)}`);
          await new Promise((next) => requestAnimationFrame(next));
        }
      };
      const once = (event) => new Promise((resolve) => video.addEventListener(event, resolve, { once: true }));
      const context = new AudioContext();
      const analyser = new AnalyserNode(context, { fftSize: 8192, smoothingTimeConstant: 0 });
      context.createMediaElementSource(video).connect(analyser).connect(context.destination);
      const bins = new Float32Array(analyser.frequencyBinCount);
      const loudest = () => {
        analyser.getFloatFrequencyData(bins);
        const at = bins.reduce((best, level, i) => (level > bins[best] ? i : best), 0);
        return { tone: (at * context.sampleRate) / analyser.fftSize, level: bins[at] };
      };
      let tracks;
      if (dash) {
        const player = new shaka.Player();
        await player.attach(video);
        player.addEventListener("error", (e) => seen.errors.push(`${e.detail.code}`));
        await player.load(url);
        const known = new Map();
        for (const t of player.getVariantTracks()) {
          const key = JSON.stringify([t.language, t.label, t.audioRoles, t.channelsCount]);
          if (!known.has(key)) known.set(key, t);
        }
        player.configure("abr.enabled", false);
        tracks = [...known.values()].map((t) => ({
          said: { language: t.language, label: t.label, roles: t.audioRoles, channels: t.channelsCount },
          choose: async () => player.selectVariantTrack(t, true),
        }));
      } else {
        const hls = new Hls({ debug: false });
        hls.on(Hls.Events.ERROR, (_, data) => data.fatal && seen.errors.push(data.details));
        const parsed = new Promise((resolve) => hls.on(Hls.Events.AUDIO_TRACKS_UPDATED, resolve));
        hls.loadSource(url);
        hls.attachMedia(video);
        await parsed;
        seen.levels = hls.levels.length;
        tracks = hls.audioTracks.map((t, i) => ({
          said: { language: t.lang, label: t.name, default: t.default, channels: t.channels },
          choose: async () => {
            if (hls.audioTrack === i) return;
            const switched = new Promise((resolve) => hls.once(Hls.Events.AUDIO_TRACK_SWITCHED, resolve));
            hls.audioTrack = i;
            await switched;
          },
        }));
      }
      await video.play();
      await context.resume();
      for (const { said, choose } of tracks) {
        await choose();
        const sought = once("seeked");
        video.currentTime = 5;
        await sought;
        // What is heard must be of this track, from half a second on.
        await until("playing", () => video.currentTime > 5.6);
        const heard = await until("a tone", () => {
          const { tone, level } = loudest();
          return level > -60 && tone;
        });
        seen.tracks.push({ ...said, tone: Math.round(heard) });
      }
      clearTimeout(limit);
      return seen;
    },
    { url, dash },
  );
  console.log(JSON.stringify(result));
} finally {
  await browser.close();
}
