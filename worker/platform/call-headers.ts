// Header fields of the gateway's own calls (checks, registries), as the policy writes them: plain, or by a secret's name.
// A secret that is not set is a refusal, by its name: a call without it would only look like a failure of the other side.
import type { CallHeaders, Secret } from "../core/protocol/fields.ts";
import { ok, refuse, type Result } from "../core/result/result.ts";
import type { Env } from "./env.ts";

/** The secret's value; undefined when the deployment has none of that name. */
export function secretOf({ secret }: Secret, env: Env): string | undefined {
  const value = (env as unknown as Record<string, unknown>)[secret];
  return typeof value === "string" && value !== "" ? value : undefined;
}

export function headersFor(written: CallHeaders, env: Env): Result<Headers, string> {
  const headers = new Headers();
  for (const [name, value] of Object.entries(written)) {
    const plain = typeof value === "string" ? value : secretOf(value, env);
    if (plain === undefined) return refuse(`secret ${(value as Secret).secret} is not set`);
    try {
      headers.set(name, plain);
    } catch {
      return refuse(`what is to be sent as ${name} is no header value`);
    }
  }
  return ok(headers);
}
