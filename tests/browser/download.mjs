// Plays the file at argv[2] as the source of a video element in headless Chromium, seeks to argv[3] seconds, and prints as
// JSON how long it is, where the picture is then, and the ranges that were asked for.
import { chromium } from "playwright-core";

const [url, to] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.SLUICE_TEST_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-background-networking", "--autoplay-policy=no-user-gesture-required", "--mute-audio"],
});
try {
  const page = await browser.newPage();
  const ranges = [];
  page.on("response", async (r) => {
    if (r.url() === url) ranges.push(`${r.status()} ${(await r.request().allHeaders()).range ?? ""}`);
  });
  await page.setContent("<video id=v muted playsinline crossorigin=anonymous preload=metadata width=320></video>");
  const result = await page.evaluate(
    ({ url, to }) =>
      new Promise((resolve, reject) => {
        const video = document.getElementById("v");
        setTimeout(() => reject(new Error(`hangs at ${video.currentTime}, ready ${video.readyState}`)), 60000);
        video.addEventListener("error", () => reject(new Error(video.error.message)));
        video.addEventListener("loadedmetadata", () => (video.currentTime = to), { once: true });
        const note = (_, frame) => {
          if (frame.mediaTime > to - 1) resolve({ duration: video.duration, shown: frame.mediaTime, size: video.videoHeight });
          else video.requestVideoFrameCallback(note);
        };
        video.requestVideoFrameCallback(note);
        video.src = url;
      }),
    { url, to: Number(to) },
  );
  console.log(JSON.stringify({ ...result, ranges }));
} finally {
  await browser.close();
}
