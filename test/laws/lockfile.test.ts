// The lockfile must carry a fresh clone through `npm ci`, on any machine. npm writes lockfiles that it refuses itself when
// a package for another platform could not be found at install time: the entry is simply missing. That shows only in an
// empty folder, or here. It also names no registry's host, so that every machine may use the one it is allowed to.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

interface Entry {
  version?: string;
  resolved?: string;
  integrity?: string;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

const text = readFileSync(new URL("../../package-lock.json", import.meta.url), "utf8");
const { packages } = JSON.parse(text) as { packages: Record<string, Entry> };

/** As Node looks for it: in the package's own node_modules, then in those above it. */
function found(from: string, name: string): boolean {
  for (let place = from; ; place = place.slice(0, Math.max(0, place.lastIndexOf("node_modules/") - 1))) {
    if (Object.hasOwn(packages, `${place === "" ? "" : `${place}/`}node_modules/${name}`)) return true;
    if (place === "") return false;
  }
}

it("has every package that its packages ask for, those of other platforms too", () => {
  const missing = Object.entries(packages).flatMap(([place, entry]) =>
    Object.keys({
      ...entry.dependencies,
      ...entry.optionalDependencies,
      ...(place === "" ? entry.devDependencies : {}),
    })
      .filter((name) => !found(place, name))
      .map((name) => `${name}, wanted by ${place || "the project"}`),
  );
  expect(Object.keys(packages).length).toBeGreaterThan(100);
  expect(missing).toEqual([]);
});

it("names no host, and has the hash of everything", () => {
  expect(text).not.toMatch(/"resolved"/);
  for (const [place, entry] of Object.entries(packages)) {
    if (place !== "") expect(entry.integrity, place).toMatch(/^sha512-/);
  }
});

it("is the lockfile of this package.json", () => {
  const project = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as Entry;
  const { dependencies, devDependencies, optionalDependencies } = packages[""] ?? {};
  expect({ dependencies, devDependencies, optionalDependencies }).toEqual({
    dependencies: project.dependencies,
    devDependencies: project.devDependencies,
    optionalDependencies: project.optionalDependencies,
  });
});
