// A real browser in front of a rig: Debian's Chromium, driven by playwright-core, and an operator who signs in. What the page logs as an
// error, a breach of its content security policy included, is kept for the test to look at.
import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core";

/** `file`: Chromium's own, from `describeWith("chromium", …)`. */
export const openBrowser = (file: string): Promise<Browser> =>
  chromium.launch({
    executablePath: file,
    args: [
      ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
      ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
    ],
  });

export interface Desk {
  readonly page: Page;
  /** What went wrong in the page, in its own words. */
  readonly errors: readonly string[];
}

/** Somebody signed in at the dashboard of `origin`. */
export async function signIn(
  browser: Browser,
  origin: string,
  token: string,
  look: BrowserContextOptions = {},
): Promise<Desk> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...look });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const errors: string[] = [];
  // What an answer of 4xx makes the browser log is the test's own doing.
  page.on("console", (message) => {
    const text = message.text();
    if (message.type() === "error" && !text.startsWith("Failed to load resource")) errors.push(text);
  });
  page.on("pageerror", (error) => errors.push(error.message));
  await page.goto(`${origin}/_sluice/dashboard`);
  await page.getByLabel("Admin token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator(".shell").waitFor();
  return { page, errors };
}

/** By the navigation, as a person goes. */
export async function goTo(page: Page, title: string): Promise<void> {
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: title, exact: true }).click();
}
