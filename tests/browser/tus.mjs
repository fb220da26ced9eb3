// Uploads the file at argv[4] with tus-js-client, unchanged: argv[2] endpoint, argv[3] token,
// argv[5] parallel uploads, argv[6] chunk size (0: one request), argv[7] "cut" aborts once and resumes.
import { readFile } from "node:fs/promises";
import { Upload } from "tus-js-client";

const [endpoint, token, file, parallel, chunk, mode] = process.argv.slice(2);
const data = await readFile(file);
const common = {
  endpoint,
  headers: { Authorization: `Bearer ${token}` },
  metadata: { filename: "film.mp4", filetype: "video/mp4", title: "Ein Film – mit Umlaut", visibility: "private" },
  retryDelays: [100, 300, 1000],
};
const options = { ...common, parallelUploads: Number(parallel), chunkSize: Number(chunk) || Infinity };

function run(extra, onStart) {
  return new Promise((resolve, reject) => {
    let media = null;
    let upload;
    const seen = [];
    upload = new Upload(data, {
      ...options,
      ...extra,
      onAfterResponse: (_, response) => (media = response.getHeader("Sluice-Media-Id") ?? media),
      onProgress: (sent) => {
        seen.push(sent);
        if (onStart && sent > data.length / 3) {
          onStart = null;
          upload.abort().then(() => resolve({ url: upload.url, aborted: true }), reject);
        }
      },
      onSuccess: () => resolve({ url: upload.url, media, most: Math.max(...seen) }),
      onError: reject,
    });
    upload.start();
  });
}

let result;
if (mode === "cut") {
  const first = await run({}, () => {});
  result = { ...(await run({ uploadUrl: first.url })), resumed: first.aborted === true };
} else {
  result = await run({});
}
console.log(JSON.stringify(result));
