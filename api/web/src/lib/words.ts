// The API's stable words, as people say them.
import type { Media, Progress, QueuedTask, Wait } from "./api";
import { date } from "./format";
import { t, tn } from "./i18n.svelte";

export function statusWord(status: string): string {
  switch (status) {
    case "uploading": return t("Uploading");
    case "processing": return t("Processing");
    case "playable": return t("Playable, still encoding");
    case "ready": return t("Ready");
    case "failed": return t("Failed");
    default: return status;
  }
}

export const statusTone = (status: string) =>
  status === "ready" ? "good" : status === "failed" ? "bad" : status === "playable" ? "accent" : "warn";

/** What to do about it. */
export function advice(code: string): string {
  switch (code) {
    case "unsupported_format":
    case "unsupported_type":
      return t("Export it again as MP4 with H.264 and AAC, which every editor and phone can, and upload that.");
    case "corrupt_input":
      return t("The file is damaged or not whole. Copy it anew from where it comes from, and see whether it plays on your own device.");
    case "limit_exceeded":
      return t("It is larger, longer or has more pixels than this service takes. Upload a smaller version.");
    case "quota_exceeded":
      return t("Your quota is used up. See Settings, Usage; delete what you do not need, or ask an administrator.");
    case "disk_full":
    case "store_full":
      return t("The service is out of space. It goes on by itself once an administrator has made room.");
    case "cancelled":
      return t("The work was stopped. It can be taken up again.");
    case "decoder_crashed":
    case "timed_out":
    case "out_of_memory":
    case "worker_lost":
      return t("That may be a passing fault: try it again. If it fails once more, export the file anew.");
    case "forbidden_syscall":
      return t("The file did what only an attack does, and was stopped.");
    case "import_failed":
      return t("The address did not give a whole file. Check it, and try again.");
    case "moderated":
      return t("A moderator has hidden it. See Settings, Decisions.");
    default:
      return "";
  }
}

/** Why nothing is being done. */
export function waitWord(wait: Wait): string {
  switch (wait.code) {
    case "upload": return t("More of the file must arrive first");
    case "disk_full": return t("The service is out of space; it goes on when there is room");
    case "no_worker": return t("No worker is running; it goes on when one is started");
    case "store_unreachable":
      return wait.since ? t("The store has not answered since {date}", { date: date(wait.since) }) : t("The store does not answer");
    case "pause": return wait.until ? t("It is tried again by {date}", { date: date(wait.until) }) : t("It is tried again after a pause");
    case "memory": return t("No worker has enough memory for it beside other work; it begins when one is idle");
    case "turn":
      if (wait.films_ahead === 0) return t("It is next");
      return wait.films_ahead ? tn(wait.films_ahead, "{n} film comes before it", "{n} films come before it") : t("Waiting for its turn");
    default: return wait.message;
  }
}

/** A kind of work. */
export function kindWord(kind: QueuedTask["kind"]): string {
  switch (kind) {
    case "import": return t("Fetching the file");
    case "plan": return t("Looking at the file");
    case "hash": return t("Looking for equal files");
    case "passthrough": return t("Taking the picture as it is");
    case "subtitles": return t("Reading subtitles");
    case "poster": return t("Making the chosen poster");
    case "images": return t("Making still pictures");
    case "audio": return t("Making the sound");
    case "chunk": return t("Making the picture");
    case "finalize": return t("Measuring and checking the result");
    default: return kind;
  }
}

/** What is being done now. */
export function stage(progress: Progress): string {
  if (progress.waits_for && !(progress.waits_for.code === "upload" && progress.status === "uploading")) return waitWord(progress.waits_for);
  const running = progress.tasks.filter((task) => task.status === "running").map((task) => task.name);
  const has = (name: string) => running.some((r) => r.startsWith(name));
  if (progress.status === "ready") return t("Everything is made.");
  if (progress.status === "failed") return t("It could not be made.");
  if (has("finalize")) return t("Measuring and checking the result");
  if (has("chunk") && progress.status === "playable") return t("Making the other qualities");
  if (has("chunk") || has("passthrough")) return t("Making the first quality that plays");
  if (has("upper")) return t("Making the higher qualities");
  if (has("audio")) return t("Making the sound");
  if (has("plan")) return t("Looking at the file");
  if (has("import")) return t("Fetching the file");
  if (progress.status === "uploading") return t("Arriving");
  return t("About to begin");
}

export const visibilityWord = (visibility: Media["visibility"]) =>
  ({ private: t("Private"), unlisted: t("Unlisted"), public: t("Public") })[visibility];
