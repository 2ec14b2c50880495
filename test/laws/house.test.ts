// The house stands as its plan says, and the plan can be broken: every law is shown a tree that breaks it and must say so.
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { inspect } from "./arrows.ts";
import type { Law } from "./arrows.ts";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..", "..");
const sources = globSync("{worker,durable-objects,scripts,test}/**/*.{ts,tsx,mjs}", { cwd: root }).map((file) =>
  file.split(path.sep).join("/"),
);

describe("the checkout", () => {
  it("has source to look at", () => {
    expect(sources).toContain("worker/core/result/result.ts");
    expect(sources.length).toBeGreaterThan(20);
  });

  it("keeps every law", () => {
    const findings = inspect(new Map(sources.map((file) => [file, readFileSync(path.join(root, file), "utf8")])));
    expect(findings.map(({ law, file, line, message }) => `${file}:${line} [${law}] ${message}`)).toEqual([]);
  }, 120_000);
});

// Spelled in two, so that this file itself keeps the law.
const UNFINISHED = ["TO", "DO"].join("");
const opening = "// What this file is for, and the law it keeps.\n";

/** Files of a small sound tree; a case replaces or adds some. */
const sound: Record<string, string> = {
  "worker/index.ts": `import { app } from "./app.ts";\nexport { FooObject } from "../durable-objects/foo.ts";\nexport default app;`,
  "worker/app.ts": `import { walk } from "./pipeline/walk.ts";\nimport { admin } from "./admin/admin.ts";\nexport const app = { walk, admin };`,
  "worker/pipeline/walk.ts": `import { send } from "../platform/send.ts";\nexport const walk = send;`,
  "worker/admin/admin.ts": `export const admin = 1;`,
  "worker/ai/walk.ts": `export const aiWalk = 1;`,
  "worker/platform/send.ts": `import { step } from "../core/routing/step.ts";\nexport const send = () => fetch(String(step(Date.now(), Math.random())));`,
  "worker/core/routing/step.ts": `import { ok } from "../result/result.ts";\nexport const step = (now: number, chance: number) => ok(new Date(now + chance));`,
  "worker/core/routing/options.ts": `export const options = 1;`,
  "worker/core/policy/schema.ts": `import { options } from "../routing/options.ts";\nexport const schema = options;`,
  "worker/core/result/result.ts": `export const ok = <T>(value: T) => ({ value });`,
  "worker/core/protocol/names.ts": `export const POLICY_KEY = "policy/current";`,
  "durable-objects/foo.ts": `import { POLICY_KEY } from "../worker/core/protocol/names.ts";\nexport class FooObject { key = POLICY_KEY; }`,
  "scripts/run.ts": `import path from "node:path";\nconsole.log(path.sep, "any", Date.now());`,
};

const treeOf = (changes: Record<string, string>): Map<string, string> =>
  new Map(Object.entries({ ...sound, ...changes }).map(([file, text]) => [file, opening + text]));

describe("the checker", () => {
  it("finds nothing wrong with a sound tree", () => {
    expect(inspect(treeOf({}))).toEqual([]);
  });

  const core = (text: string): Record<string, string> => ({ "worker/core/cache/key.ts": text });
  const broken: [name: string, law: Law, changes: Record<string, string>][] = [
    [
      "core imports platform",
      "arrow",
      core(`import { send } from "../../platform/send.ts";\nexport const key = send;`),
    ],
    [
      "platform imports the pipeline, as a type",
      "arrow",
      { "worker/platform/send.ts": `import type { Walk } from "../pipeline/walk.ts";\nexport let send: Walk;` },
    ],
    [
      "a type import in the middle of a type",
      "arrow",
      { "worker/platform/send.ts": `export let send: import("../pipeline/walk.ts").Walk;` },
    ],
    ["the pipeline imports the app by name", "arrow", { "worker/pipeline/walk.ts": `export * from "../app.ts";` }],
    [
      "a dynamic import upward",
      "arrow",
      { "worker/pipeline/walk.ts": `export const walk = () => import("../index.ts");` },
    ],
    [
      "siblings: admin imports the pipeline",
      "arrow",
      { "worker/admin/admin.ts": `export { walk as admin } from "../pipeline/walk.ts";` },
    ],
    [
      "siblings: an object imports the admin room",
      "arrow",
      {
        "durable-objects/foo.ts": `import { admin } from "../worker/admin/admin.ts";\nexport class FooObject { admin = admin; }`,
      },
    ],
    [
      "the Worker imports the dashboard",
      "arrow",
      {
        "worker/dashboard/page.tsx": `export const page = <p>hello</p>;`,
        "worker/app.ts": `export { page as app } from "./dashboard/page.tsx";`,
      },
    ],
    [
      "the dashboard imports the platform",
      "arrow",
      {
        "worker/dashboard/page.tsx": `import { send } from "../platform/send.ts";\nexport const page = <p>{send}</p>;`,
      },
    ],
    ["the Worker imports a script", "arrow", { "worker/app.ts": `import "../scripts/run.ts";` }],
    [
      "rooms of core: cache imports routing",
      "rooms",
      core(`import { step } from "../routing/step.ts";\nexport const key = step;`),
    ],
    [
      "rooms of core: a common room imports a closed one",
      "rooms",
      { "worker/core/http/path.ts": `export { step } from "../routing/step.ts";` },
    ],
    [
      "rooms of core: policy reads more than options",
      "rooms",
      { "worker/core/policy/schema.ts": `export { step } from "../routing/step.ts";` },
    ],
    ["rooms of core: another room reads options", "rooms", core(`export { options } from "../routing/options.ts";`)],
    ["a room the plan does not know", "rooms", { "worker/core/misfit/a.ts": `export const a = 1;` }],
    ["a folder the plan does not know", "rooms", { "worker/shared/a.ts": `export const a = 1;` }],
    [
      "a cycle of two",
      "cycle",
      {
        "worker/core/cache/a.ts": `export { b } from "./b.ts";`,
        "worker/core/cache/b.ts": `export { a } from "./a.ts";`,
      },
    ],
    [
      "a cycle of types over three files",
      "cycle",
      {
        "scripts/a.ts": `import type { B } from "./b.ts";\nexport type A = B;`,
        "scripts/b.ts": `import type { C } from "./c.ts";\nexport type B = C;`,
        "scripts/c.ts": `import type { A } from "./a.ts";\nexport type C = A | 1;`,
      },
    ],
    ["a file that imports itself", "cycle", core(`export * from "./key.ts";`)],
    ["an import without extension", "extension", { "worker/app.ts": `export { walk as app } from "./pipeline/walk";` }],
    [
      "an import that leads nowhere",
      "extension",
      { "worker/app.ts": `export { gone as app } from "./pipeline/gone.ts";` },
    ],
    [
      "the Worker imports Node",
      "runtime",
      { "worker/platform/send.ts": `import { Buffer } from "node:buffer";\nexport const send = Buffer;` },
    ],
    ["core fetches", "purity", core(`export const key = () => fetch("https://a.example");`)],
    ["core passes fetch on", "purity", core(`export const key = { fetch };`)],
    [
      "core fetches beside a name of its own",
      "purity",
      core(`export const key = (fetch: number) => fetch;\nexport const other = () => fetch("https://a.example");`),
    ],
    ["core reaches through globalThis", "purity", core(`export const key = globalThis;`)],
    ["core reads the clock", "purity", core(`export const key = () => Date.now();`)],
    ["core reads the clock in brackets", "purity", core(`export const key = () => Date["now"]();`)],
    ["core makes a Date of now", "purity", core(`export const key = () => new Date();`)],
    ["core calls Date", "purity", core(`export const key = () => Date();`)],
    ["core throws dice", "purity", core(`export const key = () => Math.random();`)],
    ["core makes an id", "purity", core(`export const key = () => crypto.randomUUID();`)],
    ["core sets a timer", "purity", core(`export const key = () => setTimeout(() => {}, 1);`)],
    ["core sets a timer by signal", "purity", core(`export const key = () => AbortSignal.timeout(5);`)],
    ["core logs", "purity", core(`export const key = () => console.log(1);`)],
    [
      "core opens the cache, behind a cast",
      "purity",
      core(`export const key = () => (caches as unknown as { default: 1 }).default;`),
    ],
    [
      "core imports the platform",
      "purity",
      core(`import { DurableObject } from "cloudflare:workers";\nexport const key = DurableObject;`),
    ],
    [
      "core imports the web framework",
      "purity",
      core(`import type { Context } from "hono";\nexport let key: Context;`),
    ],
    [
      "a promise that whoever has its resolver settles",
      "shared",
      {
        "worker/platform/send.ts": `export const send = () => new Promise<void>((resolve) => void setTimeout(resolve, 1));`,
      },
    ],
    [
      "a promise that is kept for others to await",
      "shared",
      {
        "worker/platform/send.ts": `class Link { #under: Promise<void> | undefined;\n  send(): void { this.#under ??= fetch("").then(() => undefined); } }\nexport const send = new Link();`,
      },
    ],
    ["any, as an annotation", "any", core(`export let key: any;`)],
    ["any, deep in a type", "any", { "scripts/run.ts": `export const run = new Map<string, Promise<any>[]>();` }],
    ["a file that opens with code", "opening", { "worker/core/cache/key.ts": `\nexport const key = 1;` }],
    ["a file called utils", "name", { "worker/core/cache/utils.ts": `export const key = 1;` }],
    ["a folder called helpers", "name", { "scripts/helpers/key.ts": `export const key = 1;` }],
    ["a class called manager", "name", core(`export class KeyManager {}`)],
    ["a file too long", "length", core(`export const key = 1;\n`.repeat(1) + "// more\n".repeat(400))],
    [
      "two classes in one object file",
      "object",
      { "durable-objects/foo.ts": `export class FooObject {}\nexport class BarObject {}` },
    ],
    [
      "an object by another name",
      "object",
      {
        "durable-objects/foo.ts": `export class Foo {}`,
        "worker/index.ts": `export { Foo } from "../durable-objects/foo.ts";`,
      },
    ],
    ["something left undone", "unfinished", core(`// ${UNFINISHED} later\nexport const key = 1;`)],
    [
      "a KV key spelled again",
      "key",
      {
        "worker/platform/send.ts": `export const send = (kv: { get(key: string): string }) => kv.get("policy/current");`,
      },
    ],
  ];

  it.each(broken)("sees: %s", (name, law, changes) => {
    const tree = treeOf(changes);
    if (name === "a file that opens with code")
      tree.set("worker/core/cache/key.ts", "export const key = 1;\n// said too late to open anything\n");
    const findings = inspect(tree);
    expect(findings.map((finding) => finding.law)).toContain(law);
    // Nothing sound is blamed; an upward import may close a circle, and a circle is named by one file of it.
    const blamed = findings.filter((finding) => finding.law !== "cycle").map((finding) => finding.file);
    expect(Object.keys(changes)).toEqual(expect.arrayContaining(blamed));
  });

  const allowed: [name: string, changes: Record<string, string>][] = [
    [
      "words in comments and strings",
      core(`// fetch, Date.now(), any\nexport const key = "Math.random() as any console";`),
    ],
    [
      "fields that are called like globals",
      core(`export const key = (x: { fetch: number; caches: string }) => [x.fetch, { console: 1 }, x.caches];`),
    ],
    ["a type that names a global", core(`export type Key = { fetch: typeof fetch };`)],
    [
      "names of one's own that are called like globals",
      core(`export const key = ({ performance, load: self }: Record<string, number>) => ({ performance, self });
export function other(caches: number[]): number {
  const [scheduler = 1] = caches;
  for (const process of caches) scheduler + process;
  return scheduler;
}`),
    ],
    ["a date of a given time", core(`export const key = (ms: number) => new Date(ms);`)],
    [
      "a long file with its reason",
      {
        "worker/core/cache/key.ts": `// Length: one table, read as one.\nexport const key = 1;\n${"// row\n".repeat(400)}`,
      },
    ],
    [
      "the dashboard reads core",
      {
        "worker/dashboard/page.tsx": `import { step } from "../core/routing/step.ts";\nexport const page = <p>{step}</p>;`,
      },
    ],
    ["the key of another room in a test", { "test/a.test.ts": `export const key = "policy/current";` }],
  ];
  it.each(allowed)("lets stand: %s", (_, changes) => {
    expect(inspect(treeOf(changes))).toEqual([]);
  });
});
