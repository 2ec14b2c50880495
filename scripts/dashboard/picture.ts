// A picture of the dashboard as it stands at a running gateway, for the docs: signed in, with some traffic behind it.
import { mkdirSync } from "node:fs";
import path from "node:path";
import { chromium } from "playwright-core";

export interface Picture {
  readonly origin: string;
  readonly token: string;
  /** First segment of the page's address. */
  readonly page: string;
  readonly scheme: "light" | "dark";
  readonly width: number;
  readonly height: number;
  /** How long the page is let live before it is taken. */
  readonly waitMs: number;
  /** A Chromium of this machine. */
  readonly browser: string;
  readonly file: string;
}

export async function takePicture(picture: Picture): Promise<void> {
  const { width, height, scheme, origin, token, page: name, waitMs, file } = picture;
  const browser = await chromium.launch({
    executablePath: picture.browser,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"],
  });
  try {
    const page = await browser.newPage({ viewport: { width, height }, colorScheme: scheme });
    await page.goto(`${origin}/_sluice/dashboard#/${name}`);
    await page.getByLabel("Admin token").fill(token);
    await page.keyboard.press("Enter");
    await page.locator(".shell").waitFor();
    await page.waitForTimeout(waitMs);
    mkdirSync(path.dirname(file), { recursive: true });
    await page.screenshot({ path: file });
  } finally {
    await browser.close();
  }
}
