// Decodes the animation at argv[2] in headless Chromium, and prints as JSON its size and how long each picture is shown, ms.
import { chromium } from "playwright-core";

const [url] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.SLUICE_TEST_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-background-networking"],
});
try {
  const page = await browser.newPage();
  // What decodes pictures is there for secure contexts, as this machine's own pages are.
  await page.goto(new URL("/login", url).href);
  const result = await page.evaluate(async (url) => {
    const answer = await fetch(url);
    const decoder = new ImageDecoder({ data: await answer.arrayBuffer(), type: answer.headers.get("content-type") });
    await decoder.tracks.ready;
    await decoder.completed;
    const { frameCount, animated, repetitionCount } = decoder.tracks.selectedTrack;
    const seen = { animated, endless: repetitionCount === Infinity, sizes: [], shown: [] };
    for (let frameIndex = 0; frameIndex < frameCount; frameIndex += 1) {
      const { image } = await decoder.decode({ frameIndex });
      seen.sizes.push([image.displayWidth, image.displayHeight]);
      seen.shown.push(image.duration / 1000);
      image.close();
    }
    return seen;
  }, url);
  console.log(JSON.stringify(result));
} finally {
  await browser.close();
}
