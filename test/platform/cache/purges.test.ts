import { expect, test } from "vitest";
import { outdatedHash } from "../../../worker/core/cache/outdated.ts";
import { purgeKey, purgeText, type Purge } from "../../../worker/core/cache/purge.ts";
import { HeardPurges } from "../../../worker/platform/cache/purges.ts";
import { Orders } from "../../../worker/platform/orders.ts";
import { entryMeta, NOW } from "../../support/entries.ts";

const line = (number: number, purge: Purge) => ({ number, key: purgeKey(purge), text: purgeText(purge) });
const all = (soft: boolean): Purge => ({ kind: "all", target: "", soft });

test("what is heard is obeyed for older entries, whenever they are read", () => {
  const orders = new Orders();
  const purges = new HeardPurges(orders, () => undefined);
  expect([purges.epoch, purges.newest]).toEqual([0, 0]);
  expect(purges.verdict(entryMeta())).toBe("stands");
  orders.take({ purge: { floor: 0, entries: [line(NOW + 5, all(true))] } });
  expect([purges.epoch, purges.newest]).toEqual([1, NOW + 5]);
  expect(purges.verdict(entryMeta())).toBe("stale");
  expect(purges.verdict(entryMeta({ requestedAt: NOW + 6 }))).toBe("stands");
  orders.take({ purge: { floor: 0, entries: [line(NOW + 6, all(false))] } });
  expect(purges.verdict(entryMeta())).toBe("gone");
});

test("what unsafe requests made outdated elsewhere is gone here, and the epoch moves with news only", () => {
  const orders = new Orders();
  const purges = new HeardPurges(orders, () => undefined);
  const { url } = entryMeta();
  orders.take({ outdated: { newest: 1, pairs: [outdatedHash(url), NOW] } });
  expect(purges.epoch).toBe(1);
  expect(orders.numbers.outdated).toBe(1);
  expect(purges.verdict(entryMeta({ requestedAt: NOW }))).toBe("gone");
  expect(purges.verdict(entryMeta({ requestedAt: NOW + 1 }))).toBe("stands");
  expect(purges.verdict(entryMeta({ requestedAt: NOW, url: `${url}/other` }))).toBe("stands");
  orders.take({ outdated: { newest: 1, pairs: [outdatedHash(url), NOW + 9] } });
  orders.take({ outdated: { newest: 2, pairs: [outdatedHash(url), NOW] } });
  expect(purges.epoch).toBe(1);
});

test("what went by unheard, and what is not understood, counts as everything", () => {
  const orders = new Orders();
  const purges = new HeardPurges(orders, () => undefined);
  orders.take({ purge: { floor: NOW, entries: [] } });
  expect(purges.verdict(entryMeta())).toBe("gone");
  expect(purges.verdict(entryMeta({ requestedAt: NOW + 1 }))).toBe("stands");
  orders.take({ purge: { floor: NOW, entries: [{ number: NOW + 2, key: "x", text: "?" }] } });
  expect(purges.verdict(entryMeta({ requestedAt: NOW + 1 }))).toBe("gone");
});
