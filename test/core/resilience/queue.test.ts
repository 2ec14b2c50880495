import { describe, expect, test } from "vitest";
import { join, quit, serve, type Queue, type Ticket } from "../../../worker/core/resilience/queue.ts";
import { EVENTS, LONG_MS, printedChance } from "./events.ts";

const NOW = 1_700_000_000_000;
const OPTIONS = { queue: 3, queueMs: 1000 };

function scene() {
  const queue: Queue<string> = [];
  const away: string[] = [];
  const turnedAway = (ticket: Ticket<string>) => void away.push(ticket.holder);
  return {
    queue,
    away,
    come: (holder: string, priority = 1, now = NOW) => join(queue, priority, holder, now, OPTIONS, turnedAway),
    serveOne: (now = NOW) => serve(queue, now, turnedAway)?.holder,
  };
}

describe("queue", () => {
  test("by priority, then in order of arrival", () => {
    const { come, serveOne } = scene();
    come("low", 0);
    come("first", 2);
    come("second", 2);
    expect([serveOne(), serveOne(), serveOne(), serveOne()]).toEqual(["first", "second", "low", undefined]);
  });

  test("full: what matters least and came last goes, nobody for an equal", () => {
    const { queue, away, come } = scene();
    for (const [holder, priority] of [
      ["a", 1],
      ["b", 0],
      ["c", 0],
    ] as const)
      come(holder, priority);
    expect(come("d", 0)).toBeUndefined();
    expect(come("e", 1)).toBeDefined();
    expect(away).toEqual(["c"]);
    come("f", 2);
    expect(queue.map(({ holder }) => holder)).toEqual(["f", "a", "e"]);
    expect(come("g", 1)).toBeUndefined();
    expect(away).toEqual(["c", "b"]);
  });

  test("A21: without places nobody waits", () => {
    const queue: Queue<string> = [];
    expect(join(queue, 9, "a", NOW, { queue: 0, queueMs: 1000 }, () => expect.unreachable())).toBeUndefined();
  });

  test("who has waited too long gets no place", () => {
    const { away, come, serveOne } = scene();
    come("early");
    come("late", 1, NOW + 500);
    expect(serveOne(NOW + 1000)).toBe("late");
    expect(away).toEqual(["early"]);
  });

  test("who leaves is gone, once", () => {
    const { queue, come } = scene();
    const ticket = come("a")!;
    come("b");
    expect([quit(queue, ticket), quit(queue, ticket), queue.length]).toEqual([true, false, 1]);
  });
});

test(
  "property: never longer than its places, in order, and everybody is served, turned away or gone, exactly once",
  () => {
    const { chance } = printedChance("queue");
    const options = { queue: 20, queueMs: 200 };
    const queue: Queue<number> = [];
    const waiting = new Map<number, Ticket<number>>();
    const out = (ticket: Ticket<number>) => {
      if (!waiting.delete(ticket.holder)) throw new Error("left twice");
    };
    let now = NOW;
    for (let n = 0; n < EVENTS; n++) {
      now += Math.floor(chance() * 20);
      const what = chance();
      if (what < 0.6) {
        const ticket = join(queue, Math.floor(chance() * 4), n, now, options, out);
        if (ticket !== undefined) waiting.set(n, ticket);
      } else if (what < 0.95) {
        const ticket = serve(queue, now, out);
        if (ticket !== undefined) {
          if (now >= ticket.until) throw new Error("served too late");
          if (queue.some(({ priority }) => priority > ticket.priority)) throw new Error("out of order");
          out(ticket);
        }
      } else {
        const [ticket] = waiting.values();
        if (ticket !== undefined && quit(queue, ticket)) out(ticket);
      }
      if (queue.length > options.queue || queue.length !== waiting.size) throw new Error("the bound does not hold");
      for (let at = 1; at < queue.length; at++) {
        const [a, b] = [queue[at - 1]!, queue[at]!];
        if (a.priority < b.priority || (a.priority === b.priority && a.holder > b.holder))
          throw new Error("out of order");
      }
    }
    while (serve(queue, now, out) !== undefined);
    expect(queue).toEqual([]);
  },
  LONG_MS,
);
