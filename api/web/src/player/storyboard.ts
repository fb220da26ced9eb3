// Small pictures of a film: WebVTT whose cues name a part of a sheet (`sheet.jpg#xywh=0,0,160,90`).
import { authorized } from "../lib/api";

export interface Tile {
  startMs: number;
  endMs: number;
  url: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

const time = (text: string) => {
  const [s = 0, m = 0, h = 0] = text.split(":").reverse().map(Number);
  return Math.round(((h * 60 + m) * 60 + s) * 1000);
};

export async function storyboard(url: string): Promise<Tile[]> {
  const response = await authorized(url);
  if (!response.ok) return [];
  const tiles: Tile[] = [];
  for (const block of (await response.text()).split(/\r?\n\r?\n/)) {
    const found = /([\d:.]+) --> ([\d:.]+).*\r?\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)/.exec(block);
    if (!found) continue;
    const [, start = "", end = "", sheet = "", ...box] = found;
    const [x = 0, y = 0, width = 0, height = 0] = box.map(Number);
    tiles.push({ startMs: time(start), endMs: time(end), url: new URL(sheet, url).href, x, y, width, height });
  }
  return tiles;
}
