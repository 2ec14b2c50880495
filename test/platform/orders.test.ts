// What an isolate makes of the pages of a ledger that reach it, in whatever order and however often.
import { describe, expect, it } from "vitest";
import type { LedgerEntry } from "../../worker/core/protocol/ledgers.ts";
import { Orders } from "../../worker/platform/orders.ts";

const entry = (number: number, key = `k${number}`): LedgerEntry => ({ number, key, text: "{}" });

function listening() {
  const orders = new Orders();
  const heard: (readonly [number[], number])[] = [];
  orders.subscribe("keys", (entries, lostBelow) => void heard.push([entries.map(({ number }) => number), lostBelow]));
  return { orders, heard };
}

describe("orders", () => {
  it("are told once each, in their order", () => {
    const { orders, heard } = listening();
    orders.take({ keys: { floor: 0, entries: [entry(1), entry(2)] } });
    orders.take({ keys: { floor: 0, entries: [entry(1), entry(2), entry(4)] } });
    orders.take({ keys: { floor: 0, entries: [entry(2)] }, purge: { floor: 0, entries: [entry(9)] } });
    expect(heard).toEqual([
      [[1, 2], 0],
      [[4], 0],
    ]);
    expect(orders.numbers).toEqual({ purge: 9, keys: 4, chaos: 0, trials: 0 });
  });

  it("say up to where some were lost, also when none is left", () => {
    const { orders, heard } = listening();
    orders.take({ keys: { floor: 0, entries: [entry(3)] } });
    orders.take({ keys: { floor: 7, entries: [entry(8)] } });
    orders.take({ keys: { floor: 9, entries: [] } });
    orders.take({ keys: { floor: 9, entries: [entry(11)] } });
    expect(heard).toEqual([
      [[3], 0],
      [[8], 7],
      [[], 9],
      [[11], 0],
    ]);
    expect(orders.numbers.keys).toBe(11);
  });

  it("are told to those who subscribe late: what stands, the newest of each key", () => {
    const { orders } = listening();
    orders.take({ keys: { floor: 0, entries: [entry(1, "a"), entry(2, "b"), entry(3, "a")] } });
    orders.take({ keys: { floor: 2, entries: [entry(5, "c")] } });
    const late: [number[], number][] = [];
    orders.subscribe("keys", (entries, lostBelow) => void late.push([entries.map(({ number }) => number), lostBelow]));
    orders.subscribe("chaos", () => void late.push([[], -1]));
    expect(late).toEqual([[[3, 5], 2]]);
  });
});
