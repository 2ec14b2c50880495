// The dashboard's pages that watch, clicked through by Chromium in front of two regions with real traffic; what they show is looked up in the
// admin API. One rig and one browser for all.
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { buildDashboard } from "../../scripts/dashboard/build.ts";
import type { WrittenPolicy } from "../../worker/core/policy/schema.ts";
import { goTo, openBrowser, signIn, type Desk } from "../support/browser.ts";
import { get, send } from "../support/client.ts";
import { faintText } from "../support/contrast.ts";
import { describeWith } from "../support/programs.ts";
import { provider } from "../support/provider.ts";
import { ADMIN_TOKEN, startRig, type Rig } from "../support/rig.ts";
import { byPath, startUpstream, type Upstream } from "../support/upstream.ts";

// A browser beside a gateway, on a machine that does other things too.
vi.setConfig({ testTimeout: 90_000 });

const PAGES = ["Overview", "Services", "Regions", "AI"];

describeWith("chromium", "the dashboard", (file) => {
  let upstreams: Upstream[] = [];
  let rig: Rig;
  let browser: Browser;
  let desk: Desk;
  let traffic: NodeJS.Timeout | undefined;
  /** Whether a page may have its socket. */
  let lets = true;
  const elsewhere: string[] = [];
  const folder = mkdtempSync(path.join(os.tmpdir(), "sluice-dashboard-"));

  beforeAll(async () => {
    const kept = { headers: [["Cache-Control", "max-age=600"]] as [string, string][], body: "kept" };
    upstreams = [
      await startUpstream(byPath({ "/kept": kept, "*": { body: "one" } })),
      await startUpstream({ status: 500 }),
      await startUpstream(provider),
    ];
    const [, started, opened] = await Promise.all([
      buildDashboard(folder),
      startRig({ gateways: 2, regions: ["weur", "enam"], policy: policyOf(upstreams), dashboard: folder }),
      openBrowser(file),
    ]);
    [rig, browser] = [started, opened];
    let turn = 0;
    traffic = setInterval(() => {
      turn++;
      const lost = (): void => undefined;
      for (const origin of rig.origins) void get(origin, turn % 3 === 0 ? "/kept" : "/").catch(lost);
      if (turn % 8 === 0) void askAi(rig.g1).catch(lost);
    }, 100);
    desk = await signIn(browser, rig.g1, ADMIN_TOKEN);
    watchRequests(desk.page);
  }, 60_000);
  afterAll(async () => {
    clearInterval(traffic);
    await browser?.close();
    await rig?.close();
    await Promise.all(upstreams.map((each) => each.close()));
    rmSync(folder, { recursive: true, force: true });
  });

  const watchRequests = (page: Page): void =>
    void page.on("request", (request) => {
      const url = new URL(request.url());
      if (url.origin !== rig.g1 || url.search.includes(ADMIN_TOKEN)) elsewhere.push(request.url());
    });
  const read = async <T>(target: string): Promise<T> => (await (await rig.admin(target)).json()) as T;
  const card = (name: string): Locator => desk.page.locator(`[data-card="${name}"]`);
  const row = (name: string, key: string): Locator => card(name).locator(`[data-row="${key}"]`);
  const shows = async (where: Locator, text: string | RegExp): Promise<void> => {
    await where.filter({ hasText: text }).first().waitFor({ timeout: 20_000 });
    expect(await where.filter({ hasText: text }).count()).toBeGreaterThan(0);
  };

  it("lets nobody in with a token it does not know, and keeps the one it knows in memory only", async () => {
    const page = await (await browser.newContext()).newPage();
    await page.goto(`${rig.g1}/_sluice/dashboard`);
    await page.getByLabel("Admin token").fill("wrong");
    await page.keyboard.press("Enter");
    await shows(page.locator(".note"), "does not know this token");
    await page.getByLabel("Admin token").fill(ADMIN_TOKEN);
    await page.keyboard.press("Enter");
    await shows(page.locator(".who"), "admin token");
    const kept = await page.evaluate(
      "JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }, location.href, history.length])",
    );
    expect(JSON.parse(kept as string)).toEqual(["", {}, {}, `${rig.g1}/_sluice/dashboard`, expect.any(Number)]);
    await page.reload();
    await shows(page.getByRole("heading", { level: 1 }), "Sign in");
    await page.context().close();
  });

  it("shows what happens as it happens", async () => {
    await goTo(desk.page, "Overview");
    await shows(desk.page.locator(".badge"), "Live");
    const stat = (name: string): Locator => desk.page.locator(`[data-stat="${name}"] .stat-value`);
    await shows(stat("requests"), /^[1-9]/);
    await shows(stat("p95"), / m?s$/);
    await shows(stat("hits"), / %$/);
    await shows(card("traffic").locator("[data-curve=Requests]"), /^[1-9]/);
    await shows(card("levels").locator("[data-curve=memory]"), /\d/);
    await shows(card("cost").locator("[data-curve=Dollars]"), /^\$/);
    // Every figure of the page is one of the API's: half of what is asked is the one instance that always fails, until it is kept out.
    const { items } = await read<{ items: { series: Record<string, Record<string, number>> }[] }>(
      "history?grain=second&rows=60&step=60&series=fleet",
    );
    expect(items[0]?.series["fleet"]?.["requests"]).toBeGreaterThan(0);
    await desk.page.getByRole("button", { name: "1 hour" }).click();
    const minutes = await read<{ items: unknown[] }>("history?grain=minute&rows=60&series=fleet");
    if (minutes.items.length === 0) await shows(card("traffic"), /No traffic in the last hour|Requests/);
    else await shows(card("traffic"), "Requests");
  });

  it("says why an instance is kept out, and takes one out and puts it back on an operator's word", async () => {
    await goTo(desk.page, "Services");
    await shows(row("service web", "web-2"), /too many failures in a row|too large a share of failures|had opened it/);
    interface Shown {
      instances: { id: string; breaker: { state: string; drained: boolean } }[];
    }
    const breakerOf = async (id: string) =>
      (await read<Shown>("services/web")).instances.find((each) => each.id === id)?.breaker;
    expect(await breakerOf("web-2")).toMatchObject({ drained: false });
    await shows(row("service web", "web-1"), "Closed");
    await desk.page.getByRole("button", { name: "Drain web-1 of web" }).click();
    const dialog = desk.page.getByRole("dialog");
    expect(await breakerOf("web-1")).toMatchObject({ state: "closed", drained: false });
    await dialog.getByLabel("Reason").fill("it is to be mended");
    await dialog.getByRole("button", { name: "Drain", exact: true }).click();
    await shows(desk.page.getByRole("status"), "Drain: web-1");
    await shows(row("service web", "web-1"), "an operator took it out of service");
    expect(await breakerOf("web-1")).toMatchObject({ state: "open", drained: true });
    const audit = await read<{ items: { action: string; detail: string }[] }>("audit");
    expect(JSON.stringify(audit.items)).toContain("it is to be mended");
    await desk.page.getByRole("button", { name: "Close web-1 of web" }).click();
    await dialog.getByRole("button", { name: "Close", exact: true }).click();
    await shows(row("service web", "web-1"), "Closed");
    expect(await breakerOf("web-1")).toMatchObject({ drained: false });
  });

  it("shows the regions on the map, and whose traffic is served where", async () => {
    await goTo(desk.page, "Regions");
    for (const name of ["weur", "enam"]) {
      await shows(row("regions", name), /[1-9]/);
      await shows(desk.page.locator(`.map [data-region="${name}"]`), name);
    }
    await shows(row("flows", "enam weur"), "web");
    await desk.page.locator(".map .flow").first().waitFor({ state: "attached" });
    expect(await desk.page.locator(".map .land").getAttribute("d")).toMatch(/^M[\d.]+,/);
    const { items } = await read<{ items: { name: string; reachable: boolean }[] }>("regions");
    expect(items.map(({ name }) => name)).toEqual(["enam", "weur"]);
    expect(await card("regions").locator("tbody tr").count()).toBe(items.length);
  });

  it("shows how soon and how fast models answer, what they cost, and what of a budget is spent", async () => {
    await goTo(desk.page, "AI");
    await shows(row("models", "smart one/whole"), /ms/);
    await shows(row("models", "smart one/whole"), "$3.00 / $15.00");
    await shows(row("providers", "one"), "none needed");
    await shows(row("providers", "two"), "TWO_KEY not set");
    await shows(card("first-token"), "one/whole");
    interface Spent {
      budgets: { name: string; spending: { who: string; periods: { spent: number }[] }[] }[];
    }
    const budgets = (await read<Spent>("ai")).budgets;
    expect(budgets.map(({ name }) => name)).toEqual(["ai"]);
    const [spender] = budgets[0]!.spending;
    expect(spender?.periods[0]?.spent).toBeGreaterThan(0);
    await shows(card("budgets"), spender!.who);
  });

  it("goes on without its socket, says so, and takes it up again", async () => {
    lets = false;
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.routeWebSocket(/\/_sluice\/live$/, (socket) => {
      if (lets) socket.connectToServer();
      else void socket.close();
    });
    await page.goto(`${rig.g1}/_sluice/dashboard`);
    await page.getByLabel("Admin token").fill(ADMIN_TOKEN);
    await page.keyboard.press("Enter");
    await shows(page.locator(".badge"), /Reconnecting in \d+ s, asking every 5 s/);
    await shows(page.locator('[data-stat="requests"] .stat-value'), /^[1-9]/);
    lets = true;
    await shows(page.locator(".badge"), "Live");
    expect(await page.locator(".badge").textContent()).not.toContain("Reconnecting");
    await context.close();
  });

  it("offers a viewer nothing that a viewer may not do", async () => {
    const made = await rig.admin("keys", {
      method: "POST",
      body: JSON.stringify({ name: "looker", roles: ["sluice:viewer"] }),
    });
    expect(made.status).toBe(201);
    const { key } = (await made.json()) as { key: string };
    const viewer = await signIn(browser, rig.g1, key);
    await shows(viewer.page.locator(".who"), "viewer");
    await goTo(viewer.page, "Services");
    await shows(viewer.page.locator('[data-card="service web"]'), "for operators");
    expect(await viewer.page.getByRole("button", { name: /^(Drain|Open|Close|Reset) / }).count()).toBe(0);
    await viewer.page.getByRole("button", { name: "Sign out" }).click();
    await shows(viewer.page.getByRole("heading", { level: 1 }), "Sign in");
    expect(viewer.errors).toEqual([]);
    await viewer.page.context().close();
  });

  it("is readable: enough contrast light and dark, nothing cut off at 360 px, all of it by keyboard", async () => {
    for (const colorScheme of ["light", "dark"] as const) {
      await desk.page.emulateMedia({ colorScheme });
      for (const title of PAGES) {
        await goTo(desk.page, title);
        await desk.page.getByRole("heading", { level: 1, name: title }).waitFor();
        await desk.page.locator(".card").first().waitFor();
        expect(await faintText(desk.page), `${title}, ${colorScheme}`).toEqual([]);
      }
    }
    await desk.page.setViewportSize({ width: 360, height: 740 });
    for (const title of PAGES) {
      await goTo(desk.page, title);
      await desk.page.getByRole("heading", { level: 1, name: title }).waitFor();
      await desk.page.locator(".card").first().waitFor();
      const over = await desk.page.evaluate("document.documentElement.scrollWidth - innerWidth");
      expect(over, title).toBeLessThanOrEqual(0);
    }
    await desk.page.setViewportSize({ width: 1280, height: 900 });
    await desk.page.locator(".skip").focus();
    await desk.page.keyboard.press("Tab");
    await shows(desk.page.locator(":focus"), PAGES[0]!);
    await desk.page.keyboard.press("Shift+Tab");
    await desk.page.keyboard.press("Enter");
    expect(await desk.page.evaluate("document.activeElement.id")).toBe("page-title");
  });

  it("has asked nobody but its gateway, and nothing went wrong on the way", () => {
    expect(elsewhere).toEqual([]);
    expect(desk.errors).toEqual([]);
  });
});

const askAi = (origin: string) =>
  send(origin, {
    method: "POST",
    target: "/v1/chat/completions",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ model: "smart", stream: true, messages: [{ role: "user", content: "Tell me." }] }),
  });

function policyOf([good, broken, ai]: readonly Upstream[]): WrittenPolicy {
  return {
    expose: true,
    regions: { weur: { latitude: 52.3, longitude: 4.8 }, enam: { latitude: 40.7, longitude: -74.2 } },
    security: { apiKeys: {} },
    services: {
      web: {
        instances: [
          { id: "web-1", url: good!.origin, region: "weur" },
          { id: "web-2", url: broken!.origin, region: "enam" },
        ],
        routing: { algorithm: "round_robin", panicShare: 0 },
      },
    },
    routes: [{ match: { path: "/*" }, service: "web" }],
    ai: { auth: "none", budget: { by: "address", tokensPerDay: 1_000_000 } },
    providers: {
      one: {
        adapter: "openai",
        baseUrl: `${ai!.origin}/v1`,
        models: [{ id: "whole", price: { input: 3, output: 15 } }],
      },
      two: { adapter: "openai", key: { secret: "TWO_KEY" }, models: ["other"] },
    },
    models: { smart: { targets: ["one/whole"], strategy: "single" } },
  };
}
