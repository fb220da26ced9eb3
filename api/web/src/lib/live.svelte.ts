// Comments of one media, as they are said: the latest from the API, then what comes over the socket, each once.
import type { Socket } from "socket.io-client";
import { api, ApiError, type Comment, ok } from "./api";
import { absolute } from "./router.svelte";
import { session } from "./session.svelte";

interface Joined {
  comments?: Comment[];
  last?: string;
  viewers?: number;
  error?: { code: string; message: string };
}

/** Over plain HTTP browsers have no `randomUUID` (RFC 9562 section 5.4). */
function uuid(): string {
  const b = crypto.getRandomValues(new Uint8Array(16));
  b[6] = ((b[6] ?? 0) & 15) | 64;
  b[8] = ((b[8] ?? 0) & 63) | 128;
  const hex = [...b].map((x) => x.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

export class Room {
  readonly mediaId: string;
  comments = $state<Comment[]>([]);
  viewers = $state(0);
  live = $state(false);
  loaded = $state(false);
  error = $state<ApiError | null>(null);
  next = $state<string | null>(null);
  #socket: Socket | null = null;
  #heard: string | undefined;
  #closed = false;
  #retried = false;
  #joined = false;

  constructor(mediaId: string) {
    this.mediaId = mediaId;
  }

  async open() {
    await this.more();
    // The newest, without regard to which thread it is in.
    this.#heard = this.comments[0]?.id;
    const { io } = await import("socket.io-client");
    await session.keepFresh();
    if (this.#closed) return;
    const at = new URL(absolute("socket.io/"));
    const socket = io(at.origin, {
      path: at.pathname,
      auth: async (use) => use({ token: await session.socketToken() }),
    });
    this.#socket = socket;
    socket.on("new_comment", (comment: Comment) => this.#hear(comment));
    socket.on("comment_updated", (comment: Comment) => this.#replace(comment));
    socket.on("comment_deleted", ({ id }: { id: string }) => (this.comments = this.comments.filter((c) => c.id !== id && c.parent_id !== id)));
    socket.on("viewers", ({ count }: { count: number }) => (this.viewers = count));
    socket.on("connect", () => void this.#join(socket));
    socket.on("connect_error", () => socket.active || setTimeout(() => this.#closed || socket.connect(), 5000));
    socket.on("disconnect", (reason) => {
      this.live = false;
      // The login that it came with has ended: it comes back with the next one.
      if (reason === "io server disconnect") void this.#again(socket);
    });
  }

  async #join(socket: Socket) {
    try {
      const joined: Joined = await socket.timeout(10_000).emitWithAck("join_video", { media_id: this.mediaId, after: this.#heard });
      // The first time they are answers that were counted before.
      joined.comments?.forEach((comment) => this.#hear(comment, this.#joined));
      this.#joined = true;
      this.#heard = joined.last ?? this.#heard;
      this.viewers = joined.viewers ?? this.viewers;
      this.live = !joined.error;
      // It came with a login that had ended meanwhile.
      if (joined.error && session.user && !this.#retried) {
        this.#retried = true;
        socket.disconnect();
        await this.#again(socket);
      }
    } catch {
      // No answer in time: the next connection asks again.
    }
  }

  async #again(socket: Socket) {
    await session.keepFresh();
    setTimeout(() => this.#closed || socket.connect(), 500);
  }

  #hear(comment: Comment, isNew = true) {
    if (comment.media_id !== this.mediaId) return;
    this.#heard = comment.id;
    this.#add(comment, isNew);
  }

  #add(comment: Comment, isNew = true) {
    if (this.comments.some((c) => c.id === comment.id)) return this.#replace(comment);
    this.comments = [comment, ...this.comments];
    const parent = this.comments.find((c) => c.id === comment.parent_id);
    if (parent && isNew) parent.reply_count += 1;
  }

  #replace(comment: Comment) {
    this.comments = this.comments.map((c) => (c.id === comment.id ? comment : c));
  }

  /** Older ones. */
  async more() {
    try {
      const query = { limit: 50, cursor: this.next ?? undefined };
      const page = await ok(api.GET("/api/v1/media/{id}/comments", { params: { path: { id: this.mediaId }, query } }));
      const known = new Set(this.comments.map((c) => c.id));
      this.comments = [...this.comments, ...page.items.filter((c) => !known.has(c.id))];
      this.next = page.next_cursor ?? null;
    } catch (error) {
      this.error = error instanceof ApiError ? error : null;
    }
    this.loaded = true;
  }

  async replies(parent: string) {
    const answer = await ok(api.GET("/api/v1/comments/{id}/replies", { params: { path: { id: parent }, query: { limit: 100 } } }));
    const known = new Set(this.comments.map((c) => c.id));
    this.comments = [...this.comments, ...answer.items.filter((c) => !known.has(c.id))];
  }

  /** Says something. Sent again after a broken line it is still said once. */
  async say(body: string, at_ms: number | null, parent_id: string | null) {
    const client_key = uuid();
    const path = { id: this.mediaId };
    const send = () => ok(api.POST("/api/v1/media/{id}/comments", { params: { path }, body: { body, at_ms, parent_id, client_key } }));
    const said = await send().catch((error: unknown) => {
      if (error instanceof ApiError && error.status === 0) return send();
      throw error;
    });
    this.#add(said);
  }

  async remove(id: string) {
    await ok(api.DELETE("/api/v1/comments/{id}", { params: { path: { id } } }));
    this.comments = this.comments.filter((c) => c.id !== id && c.parent_id !== id);
  }

  close() {
    this.#closed = true;
    this.#socket?.disconnect();
  }
}
