// One record a request: what is told to logs, to Analytics Engine and to OpenTelemetry. The one schema of all three stands here: what
// a column is called, and where its value comes from. No body, no query, no credential; a path is shown as far as it looks like none.

/** A call of a model within a request. */
export interface AiRecord {
  readonly provider: string;
  readonly model: string;
  /** Of the surface: `chat`, `embeddings`, … */
  readonly operation: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly dollars: number;
  /** Ms to the first token; 0 where nothing was streamed. */
  readonly firstTokenMs: number;
}

export interface RequestRecord {
  /** Epoch ms of its arrival. */
  readonly at: number;
  readonly correlationId: string;
  /** As it went on: trace and the gateway's own span. */
  readonly traceparent: string;
  /** Span of the client's, "" when it sent none. */
  readonly parentSpan: string;
  readonly region: string;
  readonly generation: number;
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly route: string;
  readonly service: string;
  readonly instance: string;
  readonly status: number;
  readonly tookMs: number;
  readonly upstreamMs: number;
  readonly attempts: number;
  /** `hit`, `miss`, `stale`, …: the cache's word; "" when it was not asked. */
  readonly cache: string;
  /** The problem's code when the gateway answered itself; "" otherwise. */
  readonly refusal: string;
  /** Mark of the experiment that befell it; "" for none. */
  readonly fault: string;
  /** Suggestions that were tried on it and which way it went, `s_1a2b=holdout`; "" for none. */
  readonly trials: string;
  readonly tenant: string;
  /** Public part of an API key. */
  readonly keyId: string;
  readonly ai?: AiRecord;
}

interface Column {
  readonly name: string;
  readonly of: (record: RequestRecord) => string | number;
}

/** In the order of Analytics Engine's columns: texts are blob1…, numbers double1…. New ones go to the end: old points keep theirs. */
export const COLUMNS: readonly Column[] = [
  { name: "method", of: ({ method }) => method },
  { name: "host", of: ({ host }) => host },
  { name: "service", of: ({ service }) => service },
  { name: "instance", of: ({ instance }) => instance },
  { name: "region", of: ({ region }) => region },
  { name: "cache", of: ({ cache }) => cache },
  { name: "refusal", of: ({ refusal }) => refusal },
  { name: "fault", of: ({ fault }) => fault },
  { name: "tenant", of: ({ tenant }) => tenant },
  { name: "key_id", of: ({ keyId }) => keyId },
  { name: "provider", of: ({ ai }) => ai?.provider ?? "" },
  { name: "model", of: ({ ai }) => ai?.model ?? "" },
  { name: "correlation_id", of: ({ correlationId }) => correlationId },
  { name: "status", of: ({ status }) => status },
  { name: "took_ms", of: ({ tookMs }) => tookMs },
  { name: "upstream_ms", of: ({ upstreamMs }) => upstreamMs },
  { name: "attempts", of: ({ attempts }) => attempts },
  { name: "generation", of: ({ generation }) => generation },
  { name: "input_tokens", of: ({ ai }) => ai?.inputTokens ?? 0 },
  { name: "output_tokens", of: ({ ai }) => ai?.outputTokens ?? 0 },
  { name: "dollars", of: ({ ai }) => ai?.dollars ?? 0 },
  { name: "first_token_ms", of: ({ ai }) => ai?.firstTokenMs ?? 0 },
  { name: "trials", of: ({ trials }) => trials },
];

const LONGEST_BLOB = 256;

export interface DataPoint {
  readonly indexes: string[];
  readonly blobs: string[];
  readonly doubles: number[];
}

/** For Analytics Engine: sampled by route, which is its index (at most 96 bytes). */
export function dataPoint(record: RequestRecord): DataPoint {
  const blobs: string[] = [];
  const doubles: number[] = [];
  for (const { of } of COLUMNS) {
    const value = of(record);
    if (typeof value === "number") doubles.push(value);
    else blobs.push(value.slice(0, LONGEST_BLOB));
  }
  return { indexes: [new TextDecoder().decode(new TextEncoder().encode(record.route).slice(0, 90))], blobs, doubles };
}

/** For a log: one JSON line; what is empty is left out. */
export function logLine(record: RequestRecord): string {
  const { at, ai, parentSpan: _, ...rest } = record;
  const shown = Object.entries({ ...rest, ...ai }).filter(([, value]) => value !== "" && value !== 0);
  return JSON.stringify({ at: new Date(at).toISOString(), ...Object.fromEntries(shown) });
}
