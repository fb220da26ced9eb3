// What one listens to while one browses: a queue of sounds, and which of them is heard. It lives as long as the page.
import type { Media } from "./api";

/** Sounds that are queued at most: what adds more is a mistake. */
const MOST = 500;

class Jukebox {
  queue = $state.raw<Media[]>([]);
  index = $state(0);
  /** Whether somebody wants to hear it. */
  playing = $state(false);
  /** Where the next one begins, seconds. */
  startS = 0;

  get now(): Media | null {
    return this.queue[this.index] ?? null;
  }

  /** These, from one of them on; what was queued before is gone. */
  listen(list: Media[], index = 0, startS = 0) {
    this.queue = list.slice(0, MOST);
    this.startS = startS;
    this.index = Math.min(index, Math.max(this.queue.length - 1, 0));
    this.playing = this.queue.length > 0;
  }

  /** One more at the end. */
  add(media: Media) {
    if (this.queue.length === 0) return this.listen([media]);
    if (this.queue.length < MOST && !this.queue.some((m) => m.id === media.id)) this.queue = [...this.queue, media];
  }

  choose(index: number) {
    if (!this.queue[index]) return;
    this.startS = 0;
    this.index = index;
    this.playing = true;
  }

  /** The next one; after the last one it is silent. */
  next() {
    if (this.index + 1 < this.queue.length) this.choose(this.index + 1);
    else this.playing = false;
  }

  previous() {
    this.choose(Math.max(this.index - 1, 0));
  }

  drop(index: number) {
    const gone = index === this.index;
    this.queue = this.queue.filter((_, i) => i !== index);
    if (index < this.index || this.index >= this.queue.length) this.index = Math.max(this.index - 1, 0);
    if (gone) this.startS = 0;
    if (this.queue.length === 0) this.playing = false;
  }

  /** Something else is heard. */
  pause() {
    this.playing = false;
  }

  close() {
    this.listen([]);
  }
}

export const jukebox = new Jukebox();
