// Faults put into practice at one attempt: before it is sent (delay, error, timeout, reset) or in the body that comes back (cut, stall,
// drip, corruption, events spoiled or left out). Laws: no fault outlives its attempt's deadline before the headers; when the
// client leaves, so does the fault; a faulted body is pumped through JavaScript, nobody else's is.
import type { Fault } from "../core/chaos/order.ts";
import type { Chance } from "../core/stats/chance.ts";
import type { NoAnswer } from "./upstream.ts";

export interface FaultedAttempt {
  readonly faults: readonly Fault[];
  readonly deadlineMs: number;
  /** Aborts when the client leaves. */
  readonly client: AbortSignal;
  readonly chance: Chance;
}

/** The attempt with its faults; `sendOn` makes it, within the time that is left. Never rejects. */
export async function sendFaulted(
  { faults, deadlineMs, client, chance }: FaultedAttempt,
  sendOn: (deadlineMs: number) => Promise<Response | NoAnswer>,
): Promise<Response | NoAnswer> {
  let leftMs = deadlineMs;
  for (const fault of faults) {
    switch (fault.kind) {
      case "delay": {
        const ms = Math.min(leftMs, fault.delayMs + (fault.jitterMs ?? 0) * (2 * chance() - 1));
        await pause(ms, client);
        leftMs -= ms;
        break;
      }
      case "timeout":
        await pause(Math.min(leftMs, fault.afterMs), client);
        return "timeout";
      case "reset":
        return "unreachable";
      case "error":
        return new Response(fault.message ?? "", {
          status: fault.status,
          headers: { "content-type": "text/plain; charset=utf-8" },
        });
      case "corruption":
      case "cut":
      case "stall":
      case "drip":
      case "malformed_event":
      case "missing_done":
        break;
    }
    if (leftMs <= 0) return "timeout";
  }
  const answer = await sendOn(leftMs);
  return typeof answer === "string" ? answer : spoil(answer, faults, client, chance);
}

function spoil(answer: Response, faults: readonly Fault[], client: AbortSignal, chance: Chance): Response {
  let { body } = answer;
  if (body === null || answer.status === 101) return answer;
  let isSpoilt = false;
  for (const fault of faults) {
    const change = changeOf(fault, client, chance);
    if (change === undefined) continue;
    body = pumped(body, change);
    isSpoilt = true;
  }
  if (!isSpoilt) return answer;
  const headers = new Headers(answer.headers);
  const { status, statusText } = answer;
  return new Response(body, { status, statusText, headers, encodeBody: "manual" });
}

/** What becomes of a chunk: bytes to pass on, and whether the body ends there; waits where the fault does. */
type Change = (chunk: Uint8Array) => Promise<Changed> | Changed;

interface Changed {
  readonly bytes: Uint8Array;
  /** The connection breaks behind these. */
  readonly isCut?: boolean;
}

function changeOf(fault: Fault, client: AbortSignal, chance: Chance): Change | undefined {
  switch (fault.kind) {
    case "cut":
      return cutAfter(fault.afterBytes);
    case "stall":
      return stallAfter(fault.afterBytes, client);
    case "drip":
      return async (chunk) => {
        await pause((chunk.byteLength / fault.bytesPerSecond) * 1_000, client);
        return { bytes: chunk };
      };
    case "corruption":
      return (chunk) => ({
        bytes: chunk.map((byte) => (chance() < fault.byteShare ? byte ^ (1 + Math.floor(chance() * 255)) : byte)),
      });
    case "malformed_event":
      return once((text) => text.replace(/data: \{/, "data: {{"));
    case "missing_done":
      return (chunk) => {
        const text = latin1(chunk);
        const done = text.indexOf("data: [DONE]");
        return { bytes: done < 0 ? chunk : chunk.subarray(0, done) };
      };
    case "delay":
    case "error":
    case "timeout":
    case "reset":
      return undefined;
  }
}

function cutAfter(afterBytes: number): Change {
  let left = afterBytes;
  return (chunk) => {
    if (chunk.byteLength < left) {
      left -= chunk.byteLength;
      return { bytes: chunk };
    }
    return { bytes: chunk.subarray(0, left), isCut: true };
  };
}

function stallAfter(afterBytes: number, client: AbortSignal): Change {
  let left = afterBytes;
  return async (chunk) => {
    left -= chunk.byteLength;
    if (left > 0) return { bytes: chunk };
    const { promise, resolve } = Promise.withResolvers<void>();
    client.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    return { bytes: chunk, isCut: true };
  };
}

function once(spoilt: (text: string) => string): Change {
  let isDone = false;
  return (chunk) => {
    if (isDone) return { bytes: chunk };
    const text = latin1(chunk);
    const changed = spoilt(text);
    isDone = changed !== text;
    return { bytes: isDone ? Uint8Array.from(changed, (character) => character.charCodeAt(0)) : chunk };
  };
}

/** One character a byte, so that nothing is lost on the way back. */
const latin1 = (chunk: Uint8Array): string => Array.from(chunk, (byte) => String.fromCharCode(byte)).join("");

function pumped(body: ReadableStream<Uint8Array>, change: Change): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) return controller.close();
      const { bytes, isCut = false } = await change(value);
      if (bytes.byteLength > 0) controller.enqueue(bytes);
      if (!isCut) return undefined;
      void reader.cancel().catch(() => {});
      controller.error(new Error("cut by an experiment"));
      return undefined;
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

/** Until `ms` have passed or the client has left. */
async function pause(ms: number, client: AbortSignal): Promise<void> {
  if (ms <= 0 || client.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const left = (): void => resolve();
  client.addEventListener("abort", left, { once: true });
  await promise;
  clearTimeout(timer);
  client.removeEventListener("abort", left);
}
