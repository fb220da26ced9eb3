// Plays the file at argv[2] as Chromium itself does, and then every HLS URL of argv[3] (JSON) with hls.js, and prints for each as JSON
// where on its own timeline flashes are shown and beeps are heard, seconds. What the way of measuring adds to beeps is the same for all:
// the file's offsets are to be taken from those of the URLs.
import { chromium } from "playwright-core";
import { fileURLToPath } from "node:url";

const [file, list] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.SLUICE_TEST_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-background-networking", "--autoplay-policy=no-user-gesture-required"],
});

// Runs in the page.
async function measure({ url, native }) {
  const video = document.createElement("video");
  Object.assign(video, { crossOrigin: "anonymous", playsInline: true, width: 320 });
  document.body.replaceChildren(video);
  const context = new AudioContext({ sampleRate: 48000 });
  const ear = context.createScriptProcessor(256, 1, 1);
  context.createMediaElementSource(video).connect(ear);
  ear.connect(context.destination);
  const seen = { flashes: [], beeps: [], gaps: [], errors: [] };

  // Beeps on the clock of the sound card.
  let loudAt = -1;
  ear.onaudioprocess = (event) => {
    const samples = event.inputBuffer.getChannelData(0);
    samples.forEach((sample, i) => {
      if (Math.abs(sample) < 0.1) return;
      const at = event.playbackTime + i / 48000;
      if (at - loudAt > 0.5) seen.beeps.push(at);
      loudAt = at;
    });
  };

  // Flashes on the film's own clock; and whether the picture before was seen, so that the first light one is that.
  const canvas = new OffscreenCanvas(8, 8).getContext("2d", { willReadFrequently: true });
  let before = null;
  const look = (_, frame) => {
    canvas.drawImage(video, 0, 0, 8, 8);
    const light = canvas.getImageData(0, 0, 8, 8).data[0] > 128;
    if (light && before && !before.light) {
      seen.flashes.push(frame.mediaTime);
      seen.gaps.push(frame.mediaTime - before.at);
    }
    before = { light, at: frame.mediaTime };
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);

  // How the two clocks stand to each other, by many looks while it plays.
  const between = [];
  let last = -1;
  const compare = () => {
    if (!video.paused && video.currentTime !== last) between.push(video.currentTime - context.currentTime);
    last = video.currentTime;
    if (!video.ended) requestAnimationFrame(compare);
  };
  requestAnimationFrame(compare);

  const ended = new Promise((resolve, reject) => {
    video.addEventListener("ended", resolve);
    setTimeout(() => reject(new Error(`${url} at ${video.currentTime}: ${JSON.stringify(seen)}`)), 60000);
  });
  if (native) {
    video.src = url;
  } else {
    const hls = new Hls();
    hls.on(Hls.Events.ERROR, (_, data) => data.fatal && seen.errors.push(data.details));
    hls.loadSource(url);
    hls.attachMedia(video);
  }
  await context.resume();
  await video.play();
  await ended;
  await context.close();
  between.sort((a, b) => a - b);
  const apart = between[between.length >> 1];
  return { ...seen, beeps: seen.beeps.map((at) => at + apart), looks: between.length };
}

try {
  const page = await browser.newPage();
  await page.setContent("<body></body>");
  await page.addScriptTag({ path: fileURLToPath(new URL("node_modules/hls.js/dist/hls.js", import.meta.url)) });
  const play = async (url, native) => {
    // A picture that the browser left out just before a flash hides when the flash began: then it is looked at again.
    for (let left = 4; ; left--) {
      const seen = await page.evaluate(measure, { url, native });
      if (left === 0 || seen.gaps.every((gap) => gap < 0.05)) return seen;
    }
  };
  const own = await play(file, true);
  const films = [];
  for (const url of JSON.parse(list)) films.push(await play(url, false));
  console.log(JSON.stringify({ own, films }));
} finally {
  await browser.close();
}
