// Records as OpenTelemetry spans, in OTLP/HTTP's JSON form (opentelemetry-proto 1.x: ids in hex, 64-bit numbers as text). Names follow the
// semantic conventions: HTTP server spans, and GenAI attributes on calls of models where the policy asks for them.
import type { RequestRecord } from "./record.ts";

const KIND_SERVER = 2;
const STATUS_ERROR = 2;

export interface OtlpOptions {
  /** GenAI attributes on AI calls. */
  readonly genAi: boolean;
}

/** The body of a `POST /v1/traces`. */
export function traces(records: readonly RequestRecord[], options: OtlpOptions): object {
  return {
    resourceSpans: [
      {
        resource: { attributes: [attribute("service.name", "sluice")] },
        scopeSpans: [{ scope: { name: "sluice" }, spans: records.map((record) => spanOf(record, options)) }],
      },
    ],
  };
}

function spanOf(record: RequestRecord, { genAi }: OtlpOptions): object {
  const { traceparent, parentSpan, method, route, at, tookMs, status, ai } = record;
  const attributes = [
    attribute("http.request.method", method),
    attribute("http.response.status_code", status),
    attribute("http.route", route),
    attribute("server.address", record.host),
    attribute("url.path", record.path),
    attribute("sluice.region", record.region),
    attribute("sluice.service", record.service),
    attribute("sluice.instance", record.instance),
    attribute("sluice.cache", record.cache),
    attribute("sluice.attempts", record.attempts),
    attribute("sluice.upstream_ms", record.upstreamMs),
    attribute("sluice.correlation_id", record.correlationId),
    attribute("sluice.refusal", record.refusal),
    attribute("sluice.fault", record.fault),
    attribute("sluice.trials", record.trials),
    attribute("error.type", status >= 500 ? record.refusal || String(status) : ""),
    ...(ai === undefined || !genAi
      ? []
      : [
          attribute("gen_ai.operation.name", ai.operation),
          attribute("gen_ai.provider.name", ai.provider),
          attribute("gen_ai.response.model", ai.model),
          attribute("gen_ai.usage.input_tokens", ai.inputTokens),
          attribute("gen_ai.usage.output_tokens", ai.outputTokens),
        ]),
  ];
  return {
    traceId: traceparent.slice(3, 35),
    spanId: traceparent.slice(36, 52),
    ...(parentSpan === "" ? {} : { parentSpanId: parentSpan }),
    name: route === "" ? method : `${method} ${route}`,
    kind: KIND_SERVER,
    startTimeUnixNano: nanoseconds(at),
    endTimeUnixNano: nanoseconds(at + tookMs),
    attributes: attributes.filter((each) => each !== undefined),
    // A server's span is an error from 500 on (semantic conventions, HTTP server).
    ...(status >= 500 ? { status: { code: STATUS_ERROR } } : {}),
  };
}

/** Microseconds are as fine as a record is. */
const nanoseconds = (ms: number): string => `${Math.round(ms * 1_000)}000`;

/** Undefined for what is empty. */
export function attribute(key: string, value: string | number): object | undefined {
  if (value === "") return undefined;
  if (typeof value === "string") return { key, value: { stringValue: value } };
  return Number.isInteger(value) ? { key, value: { intValue: String(value) } } : { key, value: { doubleValue: value } };
}
