// The keyboard of the player, as people know it from others.
import { percent } from "../lib/format";
import { t } from "../lib/i18n.svelte";

export interface Deeds {
  toggle(): void;
  by(seconds: number): void;
  to(part: number): void;
  louder(by: number): void;
  mute(): void;
  fullscreen(): void;
  small(): void;
  captions(): void;
  faster(by: number): void;
  next(): void;
}

/** Does what a key is for; what was done, in words, or nothing where the key is somebody else's. */
export function shortcut(event: KeyboardEvent, deeds: Deeds): string | null {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const target = event.target as HTMLElement;
  const typing = target.closest("input:not([type=range]), textarea, select, [contenteditable], dialog");
  // A focused button or link answers to space and enter, a slider to arrows.
  const pressing = event.key === " " && target.closest("button, a, summary");
  const sliding = event.key.startsWith("Arrow") && target.closest("input");
  // Elsewhere these scroll the page.
  const scrolling = /^Arrow(Up|Down)$/.test(event.key) && !target.closest(".player");
  if (typing || pressing || sliding || scrolling) return null;
  if (/^[0-9]$/.test(event.key)) return deeds.to(Number(event.key) / 10), percent(Number(event.key) / 10);
  switch (event.key) {
    case " ":
    case "k": return deeds.toggle(), t("Play or pause");
    case "ArrowLeft": return deeds.by(-5), t("Back");
    case "ArrowRight": return deeds.by(5), t("Forward");
    case "j": return deeds.by(-10), t("Back");
    case "l": return deeds.by(10), t("Forward");
    case "ArrowUp": return deeds.louder(0.05), t("Louder");
    case "ArrowDown": return deeds.louder(-0.05), t("Quieter");
    case "m": return deeds.mute(), t("Mute");
    case "f": return deeds.fullscreen(), t("Full screen");
    case "i": return deeds.small(), t("Picture in picture");
    case "c": return deeds.captions(), t("Captions");
    case "<": return deeds.faster(-0.25), t("Slower");
    case ">": return deeds.faster(0.25), t("Faster");
    case "N": return deeds.next(), t("Next");
    default: return null;
  }
}
