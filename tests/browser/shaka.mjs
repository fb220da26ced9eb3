// Plays the HLS or DASH URL at argv[2] with Shaka Player in headless Chromium, shows the text track in the language argv[3],
// and prints what happened as JSON.
import { chromium } from "playwright-core";
import { fileURLToPath } from "node:url";

const [url, language] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.SLUICE_TEST_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-background-networking", "--autoplay-policy=no-user-gesture-required", "--mute-audio"],
});
try {
  const page = await browser.newPage();
  await page.setContent("<video id=v muted playsinline width=320></video>");
  const script = "node_modules/shaka-player/dist/shaka-player.compiled.js";
  await page.addScriptTag({ path: fileURLToPath(new URL(script, import.meta.url)) });
  const result = await page.evaluate(
    async ({ url, language }) => {
      const video = document.getElementById("v");
      const seen = { heights: [], texts: [], errors: [], cues: {}, first: null };
      const player = new shaka.Player();
      await player.attach(video);
      player.addEventListener("error", (e) => seen.errors.push(`${e.detail.code}`));
      await player.load(url);
      seen.heights = [...new Set(player.getVariantTracks().map((t) => t.height))].sort((a, b) => a - b);
      seen.texts = player.getTextTracks().map((t) => ({ language: t.language, label: t.label, forced: t.forced }));
      const track = player.getTextTracks().find((t) => t.language === language);
      if (track) player.selectTextTrack(track);
      video.requestVideoFrameCallback((_, frame) => (seen.first = frame.mediaTime));
      const note = () => {
        for (const list of video.textTracks) {
          for (const cue of list.activeCues ?? []) seen.cues[cue.text] ??= { start: cue.startTime, at: video.currentTime };
        }
        video.requestVideoFrameCallback(note);
      };
      video.requestVideoFrameCallback(note);
      const ended = new Promise((resolve) => video.addEventListener("ended", resolve));
      // When a cue begins is read from the cue, so that the film may run fast.
      video.playbackRate = 2;
      await video.play();
      await ended;
      seen.ended = video.currentTime;
      seen.frames = video.getVideoPlaybackQuality().totalVideoFrames;
      return seen;
    },
    { url, language },
  );
  console.log(JSON.stringify(result));
} finally {
  await browser.close();
}
