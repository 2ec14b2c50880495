import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ChatRequest } from "../../../worker/core/providers/chat.ts";
import {
  calibrate,
  calibration,
  chatTokens,
  isTelling,
  mostChatTokens,
  textTokens,
} from "../../../worker/core/providers/estimate.ts";

const chat = (texts: readonly string[], tools: readonly unknown[] = []): ChatRequest =>
  ({
    messages: texts.map((text) => ({ role: "user", parts: [{ kind: "text", text }] })),
    tools,
  }) as unknown as ChatRequest;

describe("a conversation's length by its characters", () => {
  const text = fc.oneof(fc.string({ unit: "grapheme", maxLength: 200 }), fc.lorem(), fc.string({ unit: "binary" }));

  it("is never less than its estimate, whatever is written", () => {
    fc.assert(
      fc.property(text, (written) => {
        expect(textTokens(written)).toBeLessThanOrEqual(2 * written.length);
      }),
      { numRuns: 2_000 },
    );
    fc.assert(
      fc.property(fc.array(text, { maxLength: 5 }), fc.array(fc.json(), { maxLength: 2 }), (texts, tools) => {
        const asked = chat(texts, tools);
        expect(mostChatTokens(asked)).toBeGreaterThanOrEqual(chatTokens(asked));
      }),
    );
  });
});

describe("what calls tell of a model's own way of counting", () => {
  it("moves the estimate towards it, within bounds", () => {
    const known = calibration();
    for (let call = 0; call < 200; call++) calibrate(known, 100, 150);
    expect(known.factor).toBeCloseTo(1.5, 2);
    for (let call = 0; call < 200; call++) calibrate(known, 100, 10_000);
    expect(known.factor).toBeCloseTo(2, 2);
  });

  it("is learned from the first ones, then from one in sixteen, and from each that was estimated anyway", () => {
    const known = calibration();
    const telling = Array.from({ length: 32 + 160 }, () => isTelling(known, false));
    expect(telling.slice(0, 32)).not.toContain(false);
    expect(telling.slice(32).filter(Boolean)).toHaveLength(10);
    expect(isTelling(known, true)).toBe(true);
  });
});
