// Reads the multivariant playlist at argv[2] and every playlist it names with hls-parser in strict mode.
import * as HLS from "hls-parser";

HLS.setOptions({ strictMode: true });
const get = async (url) => {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response.text();
};
const top = process.argv[2];
const multivariant = HLS.parse(await get(top));
if (!multivariant.isMasterPlaylist) throw new Error("no multivariant playlist");
const [pictures, variants] = [true, false].map((only) => multivariant.variants.filter((v) => !!v.isIFrameOnly === only));
const iframes = new Set(pictures.map((v) => v.uri));
const uris = new Set(variants.flatMap((v) => [v.uri, ...v.audio.map((a) => a.uri), ...v.subtitles.map((s) => s.uri)]));
for (const uri of [...uris, ...iframes]) {
  const url = new URL(uri, top).href;
  const list = HLS.parse(await get(url));
  if (list.segments.length === 0) throw new Error(`${uri}: empty`);
}
console.log(JSON.stringify({ playlists: uris.size, iframes: iframes.size }));
