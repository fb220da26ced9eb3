// How far a media is, as it happens: the API's server-sent events, read from an ordinary request so that it goes
// out like all others.
import { authorized, type Progress } from "./api";
import { absolute } from "./router.svelte";

const PAUSE_MS = 2000;

/** Tells every state until the last one; the function that is returned ends it. */
export function follow(id: string, tell: (progress: Progress) => void): () => void {
  const stop = new AbortController();
  void run(id, tell, stop.signal);
  return () => stop.abort();
}

async function run(id: string, tell: (progress: Progress) => void, signal: AbortSignal) {
  let last = "";
  while (!signal.aborted) {
    try {
      const headers: Record<string, string> = last ? { "last-event-id": last } : {};
      const response = await authorized(absolute(`api/v1/media/${id}/events`), { signal, headers });
      if (response.status === 204 || response.status === 404) return;
      if (response.ok && response.body) {
        for await (const event of events(response.body)) {
          last = event.id ?? last;
          const progress = JSON.parse(event.data) as Progress;
          tell(progress);
          if (progress.status === "ready" || progress.status === "failed") return;
        }
      }
    } catch {
      // The line broke; what was missed comes with the next connection.
    }
    if (!signal.aborted) await new Promise((done) => setTimeout(done, PAUSE_MS));
  }
}

/** Server-sent events (HTML, section 9.2), as far as this service writes them. */
async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<{ id?: string; data: string }> {
  const reader = body.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const fields = block.split("\n").map((line) => /^(\w+): ?(.*)$/.exec(line));
      const of = (name: string) => fields.filter((f) => f?.[1] === name).map((f) => f?.[2] ?? "");
      const data = of("data").join("\n");
      if (data) yield { id: of("id")[0], data };
    }
  }
}
