// Plays the HLS URL at argv[2] with hls.js in headless Chromium, with the subtitle track whose name is argv[3], and prints
// as JSON the tracks, when the first picture is shown, and the cues with their times.
import { chromium } from "playwright-core";
import { fileURLToPath } from "node:url";

const [url, wanted] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.SLUICE_TEST_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-background-networking", "--autoplay-policy=no-user-gesture-required", "--mute-audio"],
});
try {
  const page = await browser.newPage();
  await page.setContent("<video id=v muted playsinline width=320></video>");
  await page.addScriptTag({ path: fileURLToPath(new URL("node_modules/hls.js/dist/hls.js", import.meta.url)) });
  const result = await page.evaluate(
    ({ url, wanted }) =>
      new Promise((resolve, reject) => {
        const video = document.getElementById("v");
        const seen = { tracks: [], first: null, cues: {}, errors: [] };
        const hls = new Hls({ debug: false });
        setTimeout(() => reject(new Error(JSON.stringify({ ...seen, at: video.currentTime }))), 150000);
        // As in play.mjs hls.js may go to where the programme begins; choosing a track ends the request for another.
        hls.on(Hls.Events.ERROR, (_, data) => {
          const expected = data.details === "aborted" || (data.details === "bufferSeekOverHole" && video.currentTime < 0.3);
          if (data.fatal || !expected) seen.errors.push(data.details);
        });
        hls.on(Hls.Events.SUBTITLE_TRACKS_UPDATED, (_, data) => {
          seen.tracks = data.subtitleTracks.map((t) => ({ name: t.name, language: t.lang, forced: t.forced }));
        });
        // Before, the element's own tracks would undo the choice.
        video.addEventListener("loadedmetadata", () => {
          hls.subtitleTrack = hls.subtitleTracks.findIndex((t) => t.name === wanted);
          hls.subtitleDisplay = true;
        });
        // hls.js shows the programme's own clock; what is buffered first says where that begins.
        video.addEventListener("loadeddata", () => (seen.first ??= video.buffered.start(0)));
        const note = () => {
          for (const track of video.textTracks) {
            for (const cue of track.mode === "showing" ? track.activeCues : []) {
              seen.cues[cue.text] ??= { start: cue.startTime, end: cue.endTime, at: video.currentTime };
            }
          }
          video.requestVideoFrameCallback(note);
        };
        video.requestVideoFrameCallback(note);
        video.addEventListener("ended", () => resolve(seen));
        hls.loadSource(url);
        hls.attachMedia(video);
        // When a cue begins is read from the cue, so that the film may run fast.
        video.playbackRate = 2;
        video.play().catch((e) => reject(e));
      }),
    { url, wanted },
  );
  console.log(JSON.stringify(result));
} finally {
  await browser.close();
}
