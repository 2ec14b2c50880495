// The one record of a request, as the three sinks are told it.
import { describe, expect, it } from "vitest";
import { traces } from "../../../worker/core/insight/otlp.ts";
import { COLUMNS, dataPoint, logLine, type RequestRecord } from "../../../worker/core/insight/record.ts";

const record = (more: Partial<RequestRecord> = {}): RequestRecord => ({
  ...{ at: 1_700_000_000_000, correlationId: "c1", parentSpan: "", region: "weur", generation: 3, method: "GET" },
  ...{ traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", host: "api.example.com", path: "/a" },
  ...{ route: "/a/*", service: "web", instance: "web-1", status: 200, tookMs: 12.5, upstreamMs: 10, attempts: 1 },
  ...{ cache: "fwd=miss", refusal: "", fault: "", trials: "", tenant: "", keyId: "" },
  ...more,
});
const ai = {
  provider: "openai",
  model: "m",
  operation: "chat",
  inputTokens: 5,
  outputTokens: 7,
  dollars: 0.01,
  firstTokenMs: 90,
};

describe("a record", () => {
  it("has each column once, and a point all of them in their order", () => {
    expect(new Set(COLUMNS.map(({ name }) => name)).size).toBe(COLUMNS.length);
    const { indexes, blobs, doubles } = dataPoint(record({ ai }));
    expect(indexes).toEqual(["/a/*"]);
    expect(blobs).toEqual([
      "GET",
      "api.example.com",
      "web",
      "web-1",
      "weur",
      "fwd=miss",
      "",
      "",
      "",
      "",
      "openai",
      "m",
      "c1",
      "",
    ]);
    expect(doubles).toEqual([200, 12.5, 10, 1, 3, 5, 7, 0.01, 90]);
  });
  it("keeps within what Analytics Engine takes", () => {
    const { indexes, blobs } = dataPoint(record({ route: "ü".repeat(200), host: "h".repeat(5_000) }));
    expect(new TextEncoder().encode(indexes[0]).length).toBeLessThanOrEqual(96);
    expect(blobs.length).toBeLessThanOrEqual(20);
    expect(Math.max(...blobs.map((blob) => blob.length))).toBeLessThanOrEqual(256);
  });
  it("is one line of a log, without what is empty", () => {
    expect(JSON.parse(logLine(record()))).toEqual({
      ...{ at: "2023-11-14T22:13:20.000Z", correlationId: "c1", region: "weur", generation: 3, method: "GET" },
      ...{ traceparent: record().traceparent, host: "api.example.com", path: "/a", route: "/a/*", service: "web" },
      ...{ instance: "web-1", status: 200, tookMs: 12.5, upstreamMs: 10, attempts: 1, cache: "fwd=miss" },
    });
  });
});

describe("a span", () => {
  const spanOf = (of: RequestRecord, genAi = false) => {
    const sent = traces([of], { genAi }) as { resourceSpans: { scopeSpans: { spans: Record<string, unknown>[] }[] }[] };
    return sent.resourceSpans[0]!.scopeSpans[0]!.spans[0]!;
  };
  it("continues its client's trace, and lasts as long as the request", () => {
    expect(spanOf(record({ parentSpan: "00f067aa0ba902b7" }))).toMatchObject({
      ...{ traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", parentSpanId: "00f067aa0ba902b7" },
      ...{
        name: "GET /a/*",
        kind: 2,
        startTimeUnixNano: "1700000000000000000",
        endTimeUnixNano: "1700000000012500000",
      },
    });
  });
  it("is an error from 500 on, and says which", () => {
    const span = spanOf(record({ status: 504, refusal: "upstream_timeout" }));
    expect(span["status"]).toEqual({ code: 2 });
    expect(span["attributes"]).toContainEqual({ key: "error.type", value: { stringValue: "upstream_timeout" } });
    expect(spanOf(record({ status: 404 }))["status"]).toBeUndefined();
  });
  it("tells of models only where that is wanted", () => {
    expect(JSON.stringify(spanOf(record({ ai })))).not.toContain("gen_ai");
    expect(spanOf(record({ ai }), true)["attributes"]).toContainEqual({
      key: "gen_ai.usage.output_tokens",
      value: { intValue: "7" },
    });
  });
});
