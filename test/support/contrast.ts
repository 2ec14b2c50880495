// WCAG 2.2 §1.4.3 measured in a page: every piece of text against the ground it stands on. Runs inside the browser, so it
// brings along all it needs.
import type { Page } from "playwright-core";

export interface Faint {
  readonly text: string;
  readonly ratio: number;
  readonly needed: number;
}

/** Text with less contrast than AA asks for: 4.5:1, 3:1 for large letters. Controls at rest are left out, as the norm says. */
export const faintText = (page: Page): Promise<Faint[]> => page.evaluate<Faint[]>(`(${measure})()`);

const measure = `() => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  // A canvas knows every way to write a colour.
  const bytes = (colour) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const over = ([r, g, b, a], [br, bg, bb]) => [r, g, b].map((value, at) => (value * a + [br, bg, bb][at] * (255 - a)) / 255);
  const groundOf = (element) => {
    const layers = [];
    for (let at = element; at !== null; at = at.parentElement) {
      const layer = bytes(getComputedStyle(at).backgroundColor);
      if (layer[3] > 0) layers.push(layer);
      if (layer[3] === 255) break;
    }
    return layers.reduceRight((ground, layer) => over(layer, ground), [255, 255, 255]);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((value) => value / 255).map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const element = node.parentElement;
    const text = node.data.trim();
    if (text === "" || element === null || element.closest("noscript, script, style, title, :disabled, .unseen, .skip") !== null) continue;
    if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    const style = getComputedStyle(element);
    const ground = groundOf(element);
    const ink = over(bytes(element instanceof SVGElement ? style.fill : style.color), ground);
    const [high, low] = [light(ink), light(ground)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    const size = Number.parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    if (ratio < needed) faint.push({ text, ratio, needed });
  }
  return faint;
}`;
