// The dashboard's pages that act, clicked through by Chromium in front of a gateway with real traffic. What is clicked is looked up in the
// admin API, and what the API does is looked up in the page. Tests stand in the order of a day: each begins where the one before ended.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import type { Browser, Locator } from "playwright-core";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { buildDashboard } from "../../scripts/dashboard/build.ts";
import type { WrittenPolicy } from "../../worker/core/policy/schema.ts";
import { endpointsOf, type ApiDocument } from "../../worker/dashboard/reference/document.ts";
import { goTo, openBrowser, signIn, type Desk } from "../support/browser.ts";
import { get } from "../support/client.ts";
import { service } from "../support/policies.ts";
import { faintText } from "../support/contrast.ts";
import { describeWith } from "../support/programs.ts";
import { ADMIN_TOKEN, startRig, type Rig } from "../support/rig.ts";
import { byPath, startUpstream, type Upstream } from "../support/upstream.ts";

/** On a machine with nothing else to do a tenth of this is enough. */
const WITHIN_MS = 40_000;
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

describeWith("chromium", "the dashboard", (file) => {
  let upstreams: Upstream[] = [];
  let rig: Rig;
  let browser: Browser;
  let desk: Desk;
  let traffic: NodeJS.Timeout;
  const folder = mkdtempSync(path.join(os.tmpdir(), "sluice-dashboard-"));

  beforeAll(async () => {
    const kept = { headers: [["Cache-Control", "max-age=600"]] as [string, string][], body: "kept" };
    upstreams = [
      await startUpstream(byPath({ "/kept": kept, "*": { body: "one", delayMs: 10 } })),
      await startUpstream({ status: 500 }),
    ];
    const [built, started, opened] = await Promise.all([
      buildDashboard(folder),
      startRig({ policy: policyOf(upstreams), dashboard: folder }),
      openBrowser(file),
    ]);
    expect(built.map(({ name }) => name)).toContain("app.js");
    [rig, browser] = [started, opened];
    traffic = setInterval(() => {
      for (const target of ["/", "/broken", `/items/${Date.now() % 3}`])
        void get(rig.g1, target).catch(() => undefined);
    }, 100);
    await rig.admin("services/web/instances/web-2:drain", { method: "POST" });
    desk = await signIn(browser, rig.g1, ADMIN_TOKEN);
    desk.page.setDefaultTimeout(WITHIN_MS);
  });
  afterAll(async () => {
    clearInterval(traffic);
    await browser?.close();
    await rig?.close();
    await Promise.all(upstreams.map((each) => each.close()));
    rmSync(folder, { recursive: true, force: true });
  });

  const read = async <T>(target: string): Promise<T> => (await (await rig.admin(target)).json()) as T;
  const card = (name: string): Locator => desk.page.locator(`[data-card="${name}"]`);
  const row = (name: string, key: string): Locator => card(name).locator(`[data-row="${key}"]`);
  const button = (name: string): Locator => desk.page.getByRole("button", { name, exact: true });
  const confirm = (verb: string): Promise<void> =>
    desk.page.getByRole("dialog").getByRole("button", { name: verb, exact: true }).click();
  /** What is on the page sooner or later. */
  const shows = async (where: Locator, text: string | RegExp): Promise<void> => {
    await where.filter({ hasText: text }).first().waitFor({ timeout: WITHIN_MS });
    expect(await where.filter({ hasText: text }).count()).toBeGreaterThan(0);
  };
  const editor = (): Locator => desk.page.getByLabel("Policy document");
  const editedPolicy = async (change: (policy: WrittenPolicy) => void): Promise<void> => {
    const policy = JSON.parse(await editor().inputValue()) as WrittenPolicy;
    change(policy);
    await editor().fill(JSON.stringify(policy, undefined, 2));
  };
  const inForce = async (): Promise<{ generation: number; policy: WrittenPolicy }> => {
    const answer = await rig.admin("policy");
    const generation = Number(answer.headers.get("etag")?.replaceAll('"', ""));
    return { generation, policy: (await answer.json()) as WrittenPolicy };
  };

  it("explains where a request would go, by which rule, under which key, and who was not chosen", async () => {
    await goTo(desk.page, "Explain");
    await desk.page.getByLabel("URL or path").fill("/kept?a=1");
    await button("Explain").click();
    const asked = { method: "POST", body: JSON.stringify({ url: `${rig.g1}/kept?a=1` }) };
    const looked = (await (await rig.admin("cache/lookup", asked)).json()) as { key: string };
    await shows(card("cache-verdict"), looked.key);
    await shows(card("rule"), "no other route fits");
    await shows(row("candidates", "web-1"), "chosen");
    await shows(row("candidates", "web-2"), "an operator holds it open");
    await desk.page.getByLabel("URL or path").fill("/a%00b");
    await button("Explain").click();
    expect(await desk.page.getByText(/It would be refused/).textContent()).toContain("400");
  });

  it("begins an experiment from one the policy names, shows it live, and stops it", async () => {
    await goTo(desk.page, "Chaos");
    await desk.page.getByLabel("Start from").selectOption("web-dies");
    expect(await desk.page.getByLabel("Hypothesis").inputValue()).toBe("nobody notices");
    await desk.page.getByLabel("Share of requests, %").fill("60");
    await button("Start …").click();
    await shows(desk.page.getByRole("dialog"), "60 % of what goes to");
    await confirm("Start");
    await shows(desk.page.getByRole("heading", { level: 1 }), "web-dies");
    const [id] = (await read<{ items: { id: string }[] }>("chaos/experiments")).items.map((each) => each.id);
    const experiment = (): Promise<{ state: string; faulted: { requests: number }; spec: { faults: unknown[] } }> =>
      read(`chaos/experiments/${id}`);
    expect(await experiment()).toMatchObject({ state: "running", spec: { faults: [{ probability: 0.6 }] } });
    // Struck requests are seen on the page while it runs.
    await row("groups", "struck")
      .getByText(/^[1-9]\d*$/)
      .first()
      .waitFor({ timeout: WITHIN_MS });
    await button("Stop").click();
    await confirm("Stop it");
    await shows(desk.page.locator(".page-actions"), "stopped");
    expect(await experiment()).toMatchObject({ state: "stopped" });
    expect((await experiment()).faulted.requests).toBeGreaterThan(0);
    await shows(card("errors-curve"), "struck");
    await desk.page.getByRole("navigation", { name: "Where this page belongs" }).getByRole("link").click();
    await shows(row("experiments", id!), "stopped");
  });

  it("purges what is cached, after asking", async () => {
    await get(rig.g1, "/kept");
    expect((await get(rig.g1, "/kept")).header("cache-status")).toContain("hit");
    await goTo(desk.page, "Cache");
    await shows(card("levels"), "edge");
    await card("lookup").getByLabel("URL or path").fill("/kept");
    await button("Look up").click();
    await shows(card("cache-verdict"), "hit");
    await card("purge").getByLabel("URL or path").fill(`${rig.g1}/kept`);
    await button("Purge …").click();
    expect((await get(rig.g1, "/kept")).header("cache-status")).toContain("hit");
    await confirm("Purge");
    await shows(desk.page.getByRole("status"), "Purged url");
    expect((await get(rig.g1, "/kept")).header("cache-status")).toContain("fwd");
    await card("purge").getByLabel("What").selectOption("tag");
    await card("purge").getByRole("textbox").fill("some");
    await card("purge").getByLabel(/^Soft/).check();
    await button("Purge …").click();
    await confirm("Purge");
    await shows(desk.page.getByRole("status"), "Purged tag some");
    const { items } = await read<{ items: { action: string; detail: string }[] }>("audit");
    expect(items.filter(({ action }) => action === "cache.purge")).toHaveLength(2);
    await shows(row("patterns", "/kept"), "/kept");
  });

  it("tells what is wrong with a policy as one types, leads there, compares, and pushes", async () => {
    await goTo(desk.page, "Policy");
    const before = await inForce();
    await editedPolicy((policy) => {
      policy.routes![0]!.service = "nobody";
    });
    const problem = desk.page.locator(".problems button");
    await shows(problem, "routes[0].service");
    expect(await button("Push …").isDisabled()).toBe(true);
    await problem.click();
    expect(
      await editor().evaluate((area: { value: string; selectionStart: number; selectionEnd: number }) =>
        area.value.slice(area.selectionStart, area.selectionEnd),
      ),
    ).toBe('"service": "nobody"');
    await editor().fill(`${await editor().inputValue()}]`);
    await shows(problem, "is not JSON: line");
    await button("Discard edits").click();
    await editedPolicy((policy) => {
      policy.expose = false;
    });
    await shows(desk.page.locator(".changes"), "expose");
    await button("Compare").click();
    await shows(desk.page.locator(".line.is-added"), '"expose": false');
    await button("Push …").click();
    await desk.page.getByLabel("Reason").fill("hide the inside");
    await confirm("Push");
    await shows(row("generations", String(before.generation + 1)), "hide the inside");
    expect(await inForce()).toMatchObject({ generation: before.generation + 1, policy: { expose: false } });
  });

  it("does not push over somebody else's change, keeps the edits, and pushes them on top", async () => {
    await button("Edit").click();
    const { generation, policy } = await inForce();
    await editedPolicy((edited) => {
      edited.routes![0]!.maxBodyBytes = 4096;
    });
    await desk.page.locator(".changes").waitFor();
    await button("Push …").click();
    await rig.publish({ ...policy, expose: true });
    await confirm("Push");
    await shows(desk.page.getByRole("dialog"), "Somebody else has pushed meanwhile");
    expect(await inForce()).toMatchObject({ generation: generation + 1, policy: { expose: true } });
    await confirm("Cancel");
    await button(`Keep my edits, compare with ${generation + 1}`).click();
    await shows(desk.page.locator(".changes"), "maxBodyBytes");
    await shows(desk.page.locator(".changes"), "expose");
    await button("Push …").click();
    await confirm("Push");
    await shows(row("generations", String(generation + 2)), "in force");
    expect((await inForce()).policy).toMatchObject({ expose: false, routes: [{ maxBodyBytes: 4096 }, {}, {}] });
  });

  it("rolls a policy back to an earlier generation", async () => {
    const { generation } = await inForce();
    await row("generations", "1").getByRole("link", { name: "1" }).click();
    await shows(desk.page.locator(".line.is-removed"), "maxBodyBytes");
    await button("Roll back to 1 …").click();
    await confirm("Roll back");
    await shows(row("generations", String(generation + 1)), "1 again");
    expect((await inForce()).policy).toEqual(policyOf(upstreams));
    expect(JSON.parse(await editor().inputValue())).toEqual(policyOf(upstreams));
  });

  it("makes a key and shows it once; its holder sees what a viewer may, until it is revoked", async () => {
    await goTo(desk.page, "Security");
    await button("Create a key").click();
    const form = desk.page.getByRole("form", { name: "New key" });
    await form.getByLabel("Name", { exact: true }).fill("watcher");
    await form.getByLabel("Roles").fill("sluice:viewer");
    await form.getByRole("button", { name: "Create" }).click();
    const key = await desk.page.getByLabel("The new key").inputValue();
    const id = key.slice(0, key.indexOf("."));
    await shows(row("keys", id), "watcher");
    await button("I have it").click();
    expect(await desk.page.content()).not.toContain(key);

    const viewer = await signIn(browser, rig.g1, key);
    await goTo(viewer.page, "Policy");
    await viewer.page.getByText("the role admin is needed").first().waitFor();
    expect(await viewer.page.getByRole("button", { name: "Push …" }).isDisabled()).toBe(true);
    expect(await viewer.page.getByLabel("Policy document").isEditable()).toBe(false);
    await goTo(viewer.page, "Chaos");
    await viewer.page.getByText("the role operator is needed").first().waitFor();
    expect(await viewer.page.getByRole("button", { name: "Start …" }).isDisabled()).toBe(true);

    await button("Revoke watcher").click();
    await confirm("Revoke");
    await shows(row("keys", id), "revoked");
    await viewer.page.getByText("The gateway no longer takes this token.").waitFor({ timeout: WITHIN_MS });
    expect(viewer.errors).toEqual([]);
    await viewer.page.context().close();
  });

  it("shows an alert with its figures, takes the acknowledgement, and says which rule cannot be evaluated", async () => {
    await goTo(desk.page, "Alerts");
    await shows(row("rules", "impossible"), "cannot be evaluated");
    const standing = desk.page.locator("[data-alert]");
    await shows(standing, "The broken service fails");
    await shows(standing, /error_rate\s*100 % now/);
    await button("Acknowledge The broken service fails").click();
    await shows(standing, "acknowledged");
    const { items } = await read<{ items: { state: string; acknowledgedBy: string }[] }>("alerts");
    expect(items).toMatchObject([{ state: "acknowledged", acknowledgedBy: "admin token" }]);
  });

  it("applies what is suggested, and rolls it back", async () => {
    await goTo(desk.page, "Suggestions");
    const proposed = card("proposed").locator("[data-suggestion]").filter({ hasText: "Cache what repeats itself" });
    await proposed.first().waitFor({ timeout: 60_000 });
    const id = await proposed.first().getAttribute("data-suggestion");
    const suggestion = (): Promise<{ state: string; decidedBy: string; change: { after: { match: string } } }> =>
      read(`suggestions/${id}`);
    await shows(proposed, (await suggestion()).change.after.match);
    const own = desk.page.locator(`[data-suggestion="${id}"]`);
    await own.getByRole("button", { name: /^Apply/ }).click();
    await confirm("Apply");
    await own.getByRole("button", { name: /^Roll back/ }).waitFor();
    expect(["trial", "kept"]).toContain((await suggestion()).state);
    await own.getByRole("button", { name: /^Roll back/ }).click();
    await confirm("Roll back");
    await shows(card("over").locator(`[data-suggestion="${id}"]`), "rolled back");
    expect(await suggestion()).toMatchObject({ state: "rolled_back", decidedBy: "admin token" });
  }, 120_000);

  it("tells of the API: an endpoint is found, opened with its shapes, and asked by the line that is copied", async () => {
    await goTo(desk.page, "API");
    const document = await read<ApiDocument>("openapi.json");
    const listed = desk.page.locator("[data-endpoint]");
    await listed.first().waitFor();
    expect(await listed.count()).toBe(endpointsOf(document).length);
    await desk.page.getByLabel("Find").fill("post KEY admin make");
    const own = desk.page.locator('[data-endpoint="createKey"]');
    await listed.nth(1).waitFor({ state: "detached" });
    // By the keyboard alone.
    await own.locator("summary").first().focus();
    await desk.page.keyboard.press("Enter");
    await shows(own, "Needs the role sluice:admin");
    await own.locator("summary", { hasText: "application/json" }).first().click();
    await shows(own.getByRole("region", { name: "Request" }), "required");
    await shows(own.getByRole("region", { name: "Refusals" }), "413");
    await own.locator("summary", { hasText: "RFC 9457" }).click();
    await shows(own, "correlationId");
    expect(await faintText(desk.page)).toEqual([]);
    const line = (await own.locator(".curl pre").textContent()) ?? "";
    expect(line).toContain('-H "Authorization: Bearer $SLUICE_TOKEN"');
    expect(await desk.page.content()).not.toContain(ADMIN_TOKEN);
    const { stdout } = await promisify(execFile)("sh", ["-c", line], {
      env: { ...process.env, SLUICE_TOKEN: ADMIN_TOKEN },
    });
    expect(JSON.parse(stdout)).toMatchObject({ key: expect.stringMatching(/^sk_/) });
    await own.getByRole("link", { name: "Link to createKey" }).click();
    expect(await desk.page.evaluate<string>("location.hash")).toBe("#/api/createKey");
  });

  it("has written down who did all this", async () => {
    await goTo(desk.page, "Audit log");
    const audit = card("audit");
    for (const action of [
      "policy.put",
      "policy.rollback",
      "cache.purge",
      "chaos.start",
      "chaos.stop",
      "alert.ack",
      "suggestion.apply",
    ])
      await shows(audit, action);
    await desk.page.getByLabel("Find").fill("hide the inside");
    await audit.locator("tbody tr").nth(1).waitFor({ state: "detached" });
    expect(await audit.locator("tbody tr").count()).toBe(1);
  });

  it("fits a narrow screen, is legible in light and dark, and breaks no rule of its own on any page", async () => {
    await desk.page.setViewportSize({ width: 360, height: 740 });
    for (const title of [
      "Alerts",
      "Cache",
      "Explain",
      "Chaos",
      "Suggestions",
      "Policy",
      "Security",
      "Audit log",
      "API",
    ]) {
      await goTo(desk.page, title);
      await desk.page.locator("#page-title").waitFor();
      await desk.page.locator(".card").first().waitFor();
      expect(await desk.page.evaluate<number>("document.documentElement.scrollWidth"), title).toBeLessThanOrEqual(360);
      for (const colorScheme of ["light", "dark"] as const) {
        await desk.page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        expect(await faintText(desk.page), `${title}, ${colorScheme}`).toEqual([]);
      }
    }
    expect(desk.errors).toEqual([]);
  });
});

function policyOf([one, broken]: readonly Upstream[]): WrittenPolicy {
  return {
    expose: true,
    services: {
      web: service("web", [one!, one!]),
      broken: service("broken", broken!),
      items: service("items", one!),
    },
    routes: [
      { match: { path: "/broken" }, service: "broken" },
      { match: { path: "/items/*" }, service: "items" },
      { match: { path: "/*" }, service: "web" },
    ],
    alerts: [
      {
        name: "broken",
        when: "metrics.error_rate > 0.5 && metrics.requests > 1",
        severity: "critical",
        scope: { service: "broken" },
        title: "The broken service fails",
        description: "{metrics.error_rate} of requests fail",
      },
      { name: "impossible", when: "metrics.requests / 0 > 1 && 1 / 0 > 0" },
    ],
    chaos: {
      enabled: true,
      maxDurationSeconds: 120,
      experiments: {
        "web-dies": {
          hypothesis: "nobody notices",
          faults: [{ kind: "error", target: { service: "web" } }],
          success: { maxErrorRate: 1, maxP95Ms: 60_000 },
        },
      },
    },
    security: { apiKeys: {} },
    telemetry: {
      suggestions: { everySeconds: 2, minimumRequests: 20, minimumConfidence: 0.6, holdoutShare: 0.4, hashShare: 1 },
    },
  };
}
