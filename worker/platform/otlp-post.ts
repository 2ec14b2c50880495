// One export to an OTLP/HTTP collector. Throws, with a reason for the record, when it is not taken.
import { addressProblem } from "../core/policy/targets.ts";
import type { Policy } from "../core/policy/schema.ts";
import { headersFor } from "./call-headers.ts";
import type { Env } from "./env.ts";

export async function postOtlp(
  otlp: Exclude<Policy["telemetry"]["otlp"], false>,
  signal: "traces" | "metrics",
  body: object,
  env: Env,
): Promise<void> {
  const url = `${otlp.url.replace(/\/+$/, "")}/v1/${signal}`;
  const address = addressProblem(url, "local", { allowPrivate: env.ALLOW_PRIVATE === "true" });
  if (address !== undefined) throw new Error(`its address ${address}`);
  const headers = headersFor(otlp.headers, env);
  if (!headers.ok) throw new Error(headers.error);
  headers.value.set("content-type", "application/json");
  const answer = await fetch(url, {
    method: "POST",
    headers: headers.value,
    body: JSON.stringify(body),
    redirect: "manual",
    signal: AbortSignal.timeout(otlp.timeoutMs),
  });
  await answer.body?.cancel();
  if (!answer.ok) throw new Error(`answered ${answer.status}`);
}
