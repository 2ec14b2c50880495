import { mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  checkPolicy,
  look,
  readPolicyFile,
  upstreamPolicy,
  watchPolicyFile,
} from "../../../scripts/playground/policy-file.ts";
import type { Watched } from "../../../scripts/playground/policy-file.ts";

const policyText = (url: string): string => JSON.stringify(upstreamPolicy([url]));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "sluice-policy-file-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("checkPolicy", () => {
  it("takes servers on this machine, whichever their address", () => {
    for (const url of ["http://127.0.0.1:3000", "http://localhost:3000", "http://10.1.2.3", "http://intranet/base"]) {
      expect(checkPolicy(policyText(url)).ok).toBe(true);
    }
  });

  it("names the path of what is wrong, in one line", () => {
    const checked = checkPolicy('{"services": {"a": {"instances": [{"id": "a-1", "url": 7}]}}, "rutes": []}');
    expect(checked).toMatchObject({ ok: false, error: expect.stringContaining("services.a.instances[0].url") });
    expect(checked).toMatchObject({ ok: false, error: expect.stringContaining("rutes") });
    expect(checked.ok ? "" : checked.error).not.toContain("\n");
  });

  it("is one line, and not a long one, for a document full of errors", () => {
    const instances = Array.from({ length: 30 }, () => ({ id: "", url: "" }));
    const checked = checkPolicy(JSON.stringify({ services: { a: { instances } } }));
    expect(checked.ok ? "" : checked.error).toMatch(/; and \d+ more$/);
  });

  it("says why a file cannot be read", () => {
    expect(readPolicyFile(path.join(folder, "none.json"))).toEqual({ ok: false, error: "there is no such file" });
    expect(readPolicyFile(folder)).toEqual({ ok: false, error: "it is a folder" });
  });
});

describe("look", () => {
  it.each([
    ["unchanged", ["a", "a", "a"], []],
    ["changed, and settled one look later", ["b", "b", "b"], [1]],
    ["still being written", ["b", "c", "d", "d"], [3]],
    ["away for a moment, while it is replaced", ["", "b", "b"], [2]],
    ["away for good", ["", "", ""], [1]],
    ["away and back as it was", ["", "a", "a"], []],
  ])("%s", (_, signatures, readAt) => {
    let watched: Watched = { taken: "a", seen: "a" };
    const reads: number[] = [];
    signatures.forEach((signature, index) => {
      const { next, read } = look(watched, signature);
      watched = next;
      if (read) reads.push(index);
    });
    expect(reads).toEqual(readAt);
  });
});

describe("watchPolicyFile", () => {
  const first = policyText("http://127.0.0.1:1");
  let file: string;
  let stop: () => void;
  let seen: string[];
  let arrived: () => void = () => undefined;

  beforeEach(() => {
    file = path.join(folder, "policy.json");
    writeFileSync(file, first);
    seen = [];
    stop = watchPolicyFile(file, first, (read) => {
      seen.push(read.ok ? (read.value.policy.services["upstream"]?.instances[0]?.url ?? "none") : read.error);
      arrived();
    });
  });
  afterEach(() => stop());

  const next = async (): Promise<string | undefined> => {
    const count = seen.length;
    await new Promise<void>((resolve) => (arrived = () => (seen.length > count ? resolve() : undefined)));
    return seen.at(-1);
  };

  it("takes a file that is written over", async () => {
    const change = next();
    writeFileSync(file, policyText("http://127.0.0.1:2"));
    expect(await change).toBe("http://127.0.0.1:2");
  });

  it("takes a file that is replaced by renaming, as editors do", async () => {
    const change = next();
    writeFileSync(`${file}.swp`, policyText("http://127.0.0.1:3"));
    renameSync(`${file}.swp`, file);
    expect(await change).toBe("http://127.0.0.1:3");
  });

  it("takes a link that points elsewhere, as mounted configuration does", async () => {
    const one = path.join(folder, "one.json");
    writeFileSync(one, policyText("http://127.0.0.1:4"));
    const change = next();
    unlinkSync(file);
    symlinkSync(one, file);
    expect(await change).toBe("http://127.0.0.1:4");
  });

  it("does not take the half of a file that is still being written", async () => {
    const change = next();
    const text = policyText("http://127.0.0.1:5");
    for (let end = 20; end <= text.length + 19; end += 20) {
      writeFileSync(file, text.slice(0, end));
      await sleep(40);
    }
    expect(await change).toBe("http://127.0.0.1:5");
    expect(seen).toEqual(["http://127.0.0.1:5"]);
  });

  it("tells what is wrong once, and takes the next good one", async () => {
    const wrong = next();
    writeFileSync(file, '{"services": []}');
    expect(await wrong).toContain("services");
    const good = next();
    writeFileSync(file, policyText("http://127.0.0.1:6"));
    expect(await good).toBe("http://127.0.0.1:6");
    expect(seen).toHaveLength(2);
  });

  it("tells that the file is gone, and takes no file that is as it was for a change", async () => {
    const gone = next();
    unlinkSync(file);
    expect(await gone).toBe("there is no such file");
    writeFileSync(file, first);
    await sleep(700);
    expect(seen).toHaveLength(1);
  });
});
