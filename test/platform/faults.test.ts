// Each fault at one attempt: what comes of it and when, and that the client's leaving ends it.
import { parse } from "valibot";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { experimentOptions } from "../../worker/core/chaos/options.ts";
import type { Fault } from "../../worker/core/chaos/order.ts";
import { sendFaulted } from "../../worker/platform/faults.ts";
import type { NoAnswer } from "../../worker/platform/upstream.ts";

const faultOf = (written: Record<string, unknown>): Fault =>
  parse(experimentOptions, { faults: [{ target: { service: "a" }, ...written }] }).faults[0]!;

let client: AbortController;
beforeEach(() => {
  vi.useFakeTimers();
  client = new AbortController();
});
afterEach(() => void vi.useRealTimers());

const sent: number[] = [];
function attempt(
  faults: Record<string, unknown>[],
  deadlineMs = 10_000,
  body = "0123456789",
): Promise<Response | NoAnswer> {
  sent.length = 0;
  return sendFaulted(
    { faults: faults.map(faultOf), deadlineMs, client: client.signal, chance: () => 0.25 },
    async (leftMs) => {
      sent.push(leftMs);
      return new Response(body, { headers: { "x-from": "upstream" } });
    },
  );
}

describe("before it is sent", () => {
  it("delays, and leaves the attempt the rest of its time", async () => {
    const answer = attempt([{ kind: "delay", delayMs: 200, jitterMs: 100 }]);
    await vi.advanceTimersByTimeAsync(149);
    expect(sent).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(await answer).toBeInstanceOf(Response);
    expect(sent).toEqual([9_850]);
  });
  it("delays no longer than the attempt may take", async () => {
    const answer = attempt([{ kind: "delay", delayMs: 20_000 }], 500);
    await vi.advanceTimersByTimeAsync(500);
    expect([await answer, sent]).toEqual(["timeout", []]);
  });
  it("answers in the upstream's place", async () => {
    const answer = (await attempt([{ kind: "error", status: 502, message: "staged" }])) as Response;
    expect([answer.status, await answer.text(), sent]).toEqual([502, "staged", []]);
  });
  it("breaks the connection", async () => expect(await attempt([{ kind: "reset" }])).toBe("unreachable"));
  it("answers never", async () => {
    const answer = attempt([{ kind: "timeout" }], 700);
    await vi.advanceTimersByTimeAsync(700);
    expect([await answer, sent]).toEqual(["timeout", []]);
  });
  it("waits for nobody who has left", async () => {
    const answer = attempt([{ kind: "delay", delayMs: 5_000 }]);
    client.abort();
    await vi.advanceTimersByTimeAsync(0);
    expect(await answer).toBeInstanceOf(Response);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("in the body", () => {
  const read = async (faults: Record<string, unknown>[], body?: string): Promise<string> => {
    const answer = (await attempt(faults, 10_000, body)) as Response;
    expect(answer.headers.get("x-from")).toBe("upstream");
    const reader = answer.body!.getReader();
    let text = "";
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return text;
        text += new TextDecoder().decode(value);
      }
    } catch (error) {
      return `${text}!${(error as Error).message}`;
    }
  };
  it("cuts", async () => expect(await read([{ kind: "cut", afterBytes: 4 }])).toBe("0123!cut by an experiment"));
  it("spoils bytes", async () => {
    const spoilt = await read([{ kind: "corruption", byteShare: 1 }], "aaaa");
    expect([spoilt.length, spoilt === "aaaa"]).toEqual([4, false]);
  });
  it("leaves a body alone that is none of its business", async () =>
    expect(await read([{ kind: "corruption", byteShare: 0 }])).toBe("0123456789"));
  it("spoils an event and leaves out the end", async () => {
    const events = 'data: {"a":1}\n\ndata: {"a":2}\n\ndata: [DONE]\n\n';
    expect(await read([{ kind: "malformed_event" }], events)).toBe(
      'data: {{"a":1}\n\ndata: {"a":2}\n\ndata: [DONE]\n\n',
    );
    expect(await read([{ kind: "missing_done" }], events)).toBe('data: {"a":1}\n\ndata: {"a":2}\n\n');
  });
  it("stalls until the client leaves", async () => {
    const reading = read([{ kind: "stall", afterBytes: 4 }]);
    let isOver = false;
    void reading.then(() => (isOver = true));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(isOver).toBe(false);
    client.abort();
    expect(await reading).toContain("cut by an experiment");
  });
  it("drips", async () => {
    const reading = read([{ kind: "drip", bytesPerSecond: 10 }]);
    let isOver = false;
    void reading.then(() => (isOver = true));
    await vi.advanceTimersByTimeAsync(900);
    expect(isOver).toBe(false);
    await vi.advanceTimersByTimeAsync(200);
    expect(await reading).toBe("0123456789");
  });
});
