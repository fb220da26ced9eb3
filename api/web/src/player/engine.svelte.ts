// HLS in a video element: by hls.js, or by the browser itself where it has no Media Source Extensions.
import type Hls from "hls.js";
import { t } from "../lib/i18n.svelte";
import { session } from "../lib/session.svelte";
import { read, write } from "../lib/stored";

export interface Choice {
  id: number;
  label: string;
}

const HEIGHT = "quality";
const LANGUAGE = "captions";
const OFF = -1;

/** Where players tell how they play: beside the playlist. */
const collector = (url: string) => new URL("cmcd", new URL(url, location.href)).href;

export class Engine {
  /** Rungs, best first; empty where the browser chooses by itself. */
  qualities = $state<Choice[]>([]);
  /** Chosen rung; -1 leaves it to the line. */
  quality = $state(OFF);
  /** Height of what is shown. */
  playing = $state(0);
  sounds = $state<Choice[]>([]);
  sound = $state(0);
  captions = $state<Choice[]>([]);
  caption = $state(OFF);
  error = $state("");
  #hls: Hls | null = null;
  #video: HTMLVideoElement;
  #tries = 0;
  #closed = false;

  constructor(video: HTMLVideoElement) {
    this.#video = video;
  }

  async load(url: string, startS: number) {
    const { default: Client } = await import("hls.js");
    const headers = await session.headers();
    if (this.#closed) return;
    if (!Client.isSupported()) {
      this.#video.src = url;
      this.#video.currentTime = startS;
      return;
    }
    const hls = new Client({
      startPosition: startS,
      // What grows begins at its beginning and not at its edge.
      startOnSegmentBoundary: false,
      capLevelToPlayerSize: read(HEIGHT) === null,
      backBufferLength: 60,
      renderTextTracksNatively: true,
      // There are none here, and what looks for them plays on what somebody has paused while the playlist was on its way.
      interstitialsController: undefined,
      subtitlePreference: read(LANGUAGE) ? { lang: read(LANGUAGE) ?? "" } : undefined,
      // How it plays is told to the owner of the film, in sums that name nobody.
      cmcd: {
        version: 2,
        includeKeys: [],
        eventTargets: [{ url: collector(url), events: ["ps", "t", "e", "bc"], interval: 30, batchSize: 4 }],
        loader: async ({ url: to, ...request }) => fetch(to, { ...request, headers: { ...request.headers, ...(await session.headers()) }, keepalive: true }),
      },
      // Playlists come from this service, segments perhaps from the store, which the token is no business of.
      xhrSetup: (xhr, to) => {
        if (new URL(to).origin === location.origin) for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
      },
    });
    this.#hls = hls;
    // Captions are shown to whoever chose some, here or before.
    hls.subtitleDisplay = read(LANGUAGE) !== null;
    const { Events, ErrorTypes } = Client;
    hls.on(Events.MANIFEST_PARSED, () => this.#parsed(hls));
    hls.on(Events.LEVEL_SWITCHED, (_, { level }) => (this.playing = hls.levels[level]?.height ?? 0));
    hls.on(Events.AUDIO_TRACKS_UPDATED, (_, { audioTracks }) => (this.sounds = audioTracks.map((s, id) => ({ id, label: s.name || s.lang || t("Sound {n}", { n: id + 1 }) }))));
    hls.on(Events.AUDIO_TRACK_SWITCHED, () => (this.sound = hls.audioTrack));
    hls.on(Events.SUBTITLE_TRACKS_UPDATED, (_, { subtitleTracks }) => {
      this.captions = subtitleTracks.map((s, id) => ({ id, label: s.name || s.lang || t("Captions {n}", { n: id + 1 }) }));
    });
    hls.on(Events.SUBTITLE_TRACK_SWITCH, (_, { id }) => (this.caption = hls.subtitleDisplay ? id : OFF));
    hls.on(Events.ERROR, (_, data) => {
      if (!data.fatal) return;
      this.#tries += 1;
      if (data.type === ErrorTypes.MEDIA_ERROR && this.#tries < 3) return hls.recoverMediaError();
      if (data.type === ErrorTypes.NETWORK_ERROR && data.response?.code !== 404 && this.#tries < 6) {
        setTimeout(() => this.#closed || hls.startLoad(), 1000 * this.#tries);
        return;
      }
      this.error = data.type === ErrorTypes.NETWORK_ERROR
        ? t("The film cannot be reached. The link may have ended, or the connection is down.")
        : t("This browser cannot play it.");
    });
    hls.on(Events.FRAG_BUFFERED, () => (this.#tries = 0));
    hls.loadSource(url);
    hls.attachMedia(this.#video);
  }

  #parsed(hls: Hls) {
    // What it takes on average: a peak says little of what a line must carry.
    const levels = hls.levels.map((level, id) => ({ id, height: Math.min(level.height, level.width) || 0, bps: level.averageBitrate }));
    levels.sort((a, b) => b.height - a.height || b.bps - a.bps);
    // Rungs of one size differ in their sound alone, and the best of them stands for it; but for those that take half as much.
    const one: typeof levels = [];
    for (const l of levels) {
      const above = one.at(-1);
      if (l.height > 0 && (above?.height !== l.height || above.bps > 2 * l.bps)) one.push(l);
    }
    const rate = (bps: number) => `${(bps / 1e6).toFixed(bps < 3e6 ? 1 : 0)} Mb/s`;
    const alone = (height: number) => one.filter((l) => l.height === height).length === 1;
    this.qualities = one.map(({ id, height, bps }) => ({ id, label: alone(height) ? `${height}p` : `${height}p, ${rate(bps)}` }));
    const wanted = Number(read(HEIGHT));
    const found = wanted ? one.find((l) => l.height <= wanted) : undefined;
    if (found) this.setQuality(found.id, false);
  }

  setQuality(id: number, remember = true) {
    if (!this.#hls) return;
    this.quality = id;
    this.#hls.nextLevel = id;
    const level = this.#hls.levels[id];
    if (remember) write(HEIGHT, level ? String(Math.min(level.height, level.width)) : null);
    this.#hls.config.capLevelToPlayerSize = id === OFF;
  }

  setSound(id: number) {
    if (this.#hls) this.#hls.audioTrack = id;
  }

  setCaption(id: number, remember = false) {
    if (!this.#hls) return;
    this.#hls.subtitleDisplay = id !== OFF;
    this.#hls.subtitleTrack = id;
    this.caption = id;
    if (remember) write(LANGUAGE, id === OFF ? null : (this.#hls.subtitleTracks[id]?.lang ?? null));
  }

  close() {
    this.#closed = true;
    this.#hls?.destroy();
  }
}
