// Light or dark: as the system has it, until somebody says otherwise on this page; kept in memory, like everything here.
import { Store } from "./store.ts";

export type Theme = "system" | "light" | "dark";

export const theme = new Store<Theme>("system");
const system = window.matchMedia("(prefers-color-scheme: dark)");

/** What is drawn with colours of its own (canvases) draws again when this changes. */
export const isDark = new Store(system.matches);

function apply(): void {
  const { value } = theme;
  if (value === "system") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.setAttribute("data-theme", value);
  isDark.set(value === "system" ? system.matches : value === "dark");
}

theme.listen(apply);
system.addEventListener("change", apply);
