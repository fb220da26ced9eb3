// Light or dark: as the system has it, until somebody chooses.
import { read, write } from "./stored";

export type Theme = "system" | "light" | "dark";
const KEY = "theme";

export const theme = $state<{ chosen: Theme }>({ chosen: "system" });

export function startTheme() {
  const stored = read(KEY);
  if (stored === "light" || stored === "dark") choose(stored);
}

export function choose(chosen: Theme) {
  theme.chosen = chosen;
  if (chosen === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
  write(KEY, chosen);
}
