// Uploads the file at argv[4] with Uppy's S3 plug-in, unchanged, in headless Chromium, on a page of another
// origin: argv[2] the API, argv[3] a token, argv[5] the page's origin. Pauses once and goes on.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { chromium } from "playwright-core";
import { fileURLToPath } from "node:url";

const [api, token, file, origin] = process.argv.slice(2);
const data = (await readFile(file)).toString("base64");
const server = createServer((_, answer) => answer.end("<!doctype html>"));
await new Promise((up) => server.listen(Number(new URL(origin).port), "127.0.0.1", up));
const browser = await chromium.launch({
  executablePath: process.env.SLUICE_TEST_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-background-networking"],
});
try {
  const page = await browser.newPage();
  await page.goto(`${origin}/`);
  await page.addScriptTag({ path: fileURLToPath(new URL("node_modules/uppy/dist/uppy.min.js", import.meta.url)) });
  const result = await page.evaluate(
    async ({ api, token, data }) => {
      const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
      const seen = { signed: 0, listed: 0, media: null };
      const ask = async (method, path, body) => {
        const headers = { authorization: `Bearer ${token}`, ...(body && { "content-type": "application/json" }) };
        const answer = await fetch(`${api}/api/v1/uploads/presigned${path}`, { method, headers, body: JSON.stringify(body) });
        const text = await answer.text();
        if (!answer.ok) throw new Error(`${method} ${path}: ${text}`);
        return text ? JSON.parse(text) : null;
      };
      const chunk = 5 << 20; // Uppy sends no smaller ones.
      const uppy = new Uppy.Uppy({ autoProceed: false }).use(Uppy.AwsS3, {
        shouldUseMultipart: true,
        getChunkSize: () => chunk,
        limit: 2,
        async createMultipartUpload(f) {
          const made = await ask("POST", "", { size: f.size, filename: f.name, content_type: f.type, part_size: chunk, title: "By Uppy" });
          seen.media = made.media_id;
          return { uploadId: made.upload_id, key: made.upload_id };
        },
        async signPart(f, { uploadId, partNumber }) {
          seen.signed += 1;
          const { parts } = await ask("POST", `/${uploadId}/parts`, { numbers: [partNumber] });
          if (seen.signed === 3) setTimeout(() => uppy.pauseAll(), 0), setTimeout(() => uppy.resumeAll(), 300);
          return { url: parts[0].url, headers: parts[0].headers };
        },
        async listParts(f, { uploadId }) {
          seen.listed += 1;
          const { parts } = await ask("GET", `/${uploadId}/parts`);
          return parts.map((p) => ({ PartNumber: p.number, Size: p.size, ETag: p.etag }));
        },
        async completeMultipartUpload(f, { uploadId }) {
          const media = await ask("POST", `/${uploadId}/complete`);
          return { location: media.playback.hls_url };
        },
        async abortMultipartUpload(f, { uploadId }) {
          await ask("DELETE", `/${uploadId}`);
        },
      });
      uppy.addFile({ name: "film.mp4", type: "video/mp4", data: new Blob([bytes], { type: "video/mp4" }) });
      const done = await uppy.upload();
      const failed = done.failed.map((f) => String(f.error));
      return { ...seen, failed, urls: done.successful.map((f) => f.uploadURL) };
    },
    { api, token, data },
  );
  console.log(JSON.stringify(result));
} finally {
  await browser.close();
  server.close();
}
