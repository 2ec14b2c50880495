// One call of a provider on the wire: address, credential, signature, fields, body. Whole answers are read here within their
// deadline; what a stream brings is read by whoever opened it. Never rejects.
import { faultsAt, type Strike } from "../core/chaos/strike.ts";
import { parseRetryAfter } from "../core/http/retry-after.ts";
import type { Operation } from "../core/providers/adapter.ts";
import type { JsonObject } from "../core/providers/chat.ts";
import { failureOf } from "../core/providers/classify.ts";
import type { Failure } from "../core/providers/failures.ts";
import { after } from "../platform/after.ts";
import type { Waiter } from "../platform/deadlines.ts";
import { headersFor, secretOf } from "../platform/call-headers.ts";
import type { Gateway } from "../platform/gateway.ts";
import { sendFaulted } from "../platform/faults.ts";
import { signV4 } from "../platform/sigv4.ts";
import { carrierOf } from "../platform/carriers.ts";
import { send } from "../platform/upstream.ts";
import type { Provider, Target } from "./compiled.ts";
import { stateOf, type Credential } from "./state.ts";

export interface Call {
  readonly target: Target;
  readonly operation: Operation;
  /** Undefined for a GET. */
  readonly body: JsonObject | undefined;
  readonly stream: boolean;
  /** Further fields, lower case: those of the client that a native call passes on. */
  readonly headers: Readonly<Record<string, string>>;
  readonly deadlineMs: number;
  /** What experiments do to it. */
  readonly strikes?: readonly Strike[] | undefined;
  readonly signal: AbortSignal;
  /** Who waits for the answer; left out, the deadline has a timer of its own. */
  readonly waiter?: Waiter;
}

/** Error bodies are read up to this. */
const MOST_ERROR_BYTES = 65_536;
/** An error's body that does not come is not waited for: its status says enough. */
const ERROR_BODY_MS = 2_000;

/** The answer, when it is a good one, its body unread. */
export async function call(
  gateway: Gateway,
  asked: Call,
  sent: () => void,
  mayTryAgain: () => boolean,
): Promise<Response | Failure> {
  const { provider } = asked.target;
  const state = stateOf(gateway);
  const endsAt = Date.now() + asked.deadlineMs;
  for (;;) {
    const credential = provider.keys.length === 0 ? undefined : state.credential(provider, gateway, Date.now());
    if (provider.keys.length > 0 && credential === undefined) {
      console.error(`provider ${provider.name}: none of its secrets is set`);
      return failureOf("authentication");
    }
    sent();
    const answer = await once(gateway, asked, credential, endsAt - Date.now());
    if (answer instanceof Response) return answer;
    const refused = answer.kind === "authentication" || answer.kind === "quota";
    if (!refused || credential === undefined) return answer;
    const others = state.rest(provider, credential, Date.now());
    if (!others || !mayTryAgain()) return answer;
  }
}

async function once(
  gateway: Gateway,
  { target, operation, body, stream, headers, signal, strikes, waiter }: Call,
  credential: Credential | undefined,
  deadlineMs: number,
): Promise<Response | Failure> {
  const { provider, adapter, model } = target;
  const path = adapter.path(operation, model, stream);
  const [instance] = provider.service.instances;
  if (path === undefined || instance === undefined) return failureOf("unsupported");
  const fields = fieldsOf(gateway, provider, headers, credential);
  if (fields === undefined) return failureOf("authentication");
  const text = body === undefined ? null : JSON.stringify(body);
  if (adapter.auth.kind === "sigv4") {
    const credentials = awsCredentials(gateway, provider);
    if (credentials === undefined) return failureOf("authentication");
    const sentPath = instance.basePath + path;
    await signV4(
      fields,
      body === undefined ? "GET" : "POST",
      instance.authority,
      sentPath,
      new TextEncoder().encode(text ?? "") as Uint8Array<ArrayBuffer>,
      credentials,
      Date.now(),
    );
  }
  const sending = {
    method: body === undefined ? "GET" : "POST",
    headers: fields,
    body: text,
    carrier: undefined,
    signal,
    now: Date.now(),
    onEdge: gateway.onEdge,
    via: carrierOf(gateway.env, instance.via),
    ...(waiter === undefined ? {} : { waiter }),
  };
  const url = instance.origin + instance.basePath + path;
  const faults = strikes === undefined ? [] : faultsAt(strikes, provider.name, instance.id);
  const attempt = { faults, deadlineMs, client: signal, chance: Math.random };
  const answer = await (faults.length === 0
    ? send(url, sending, deadlineMs)
    : sendFaulted(attempt, (leftMs) => send(url, sending, leftMs)));
  if (typeof answer === "string") return failureOf(answer === "invalid" ? "invalid_answer" : answer);
  return answer.ok ? plain(answer) : failed(target, answer);
}

/** `send` keeps bodies as they were encoded. Nobody was asked to encode them; who does all the same is decoded here. */
function plain(answer: Response): Response {
  const encoding = answer.headers.get("content-encoding");
  if (answer.body === null || (encoding !== "gzip" && encoding !== "deflate")) return answer;
  const { status, headers } = answer;
  const fields = new Headers(headers);
  fields.delete("content-encoding");
  return new Response(answer.body.pipeThrough(new DecompressionStream(encoding)), { status, headers: fields });
}

async function failed({ adapter }: Target, refusal: Response): Promise<Failure> {
  const answer = plain(refusal);
  const { headers, status, body } = answer;
  const retryAfterMs = parseRetryAfter(headers.get("retry-after"), headers.get("retry-after-ms"), Date.now());
  const text = await Promise.race([answer.text().catch(() => ""), after(ERROR_BODY_MS, "")]);
  if (text === "") void body?.cancel().catch(() => {});
  const failure = adapter.failure(
    status,
    text.slice(0, MOST_ERROR_BYTES),
    retryAfterMs,
    headers.get("x-amzn-errortype") ?? "",
  );
  return { ...failure, native: { status, text } };
}

function fieldsOf(
  gateway: Gateway,
  provider: Provider,
  more: Readonly<Record<string, string>>,
  credential: Credential | undefined,
): Headers | undefined {
  const same = sameFields(gateway, provider);
  if (same === undefined) return undefined;
  const headers = new Headers(same.headers);
  // The policy has the last word.
  for (const name in more) if (!same.own.has(name)) headers.set(name, more[name]!);
  const { auth } = provider.adapter;
  if (credential !== undefined && auth.kind === "header") headers.set(auth.name, auth.prefix + credential.value);
  return headers;
}

/** Fields that are the same for each call of a provider, and those among them that the policy names. */
interface SameFields {
  readonly headers: Headers;
  readonly own: Headers;
}

/** Made once per policy: a copy costs a sixth of what making them does. Secrets do not change while an isolate lives. */
const made = new WeakMap<Provider, SameFields>();

function sameFields(gateway: Gateway, provider: Provider): SameFields | undefined {
  const known = made.get(provider);
  if (known !== undefined) return known;
  const { name, adapter, options } = provider;
  const own = headersFor(options.headers, gateway.env);
  if (!own.ok) {
    console.error(`provider ${name}: ${own.error}`);
    return undefined;
  }
  const headers = new Headers({ "content-type": "application/json", ...adapter.headers });
  for (const [field, value] of own.value) headers.set(field, value);
  headers.set("cdn-loop", "sluice");
  headers.set("accept-encoding", "identity");
  const same = { headers, own: own.value };
  made.set(provider, same);
  return same;
}

function awsCredentials(gateway: Gateway, { name, options }: Provider): Parameters<typeof signV4>[5] | undefined {
  const { bedrock } = options;
  if (bedrock === undefined) return undefined;
  const accessKeyId = secretOf(bedrock.accessKeyId, gateway.env);
  const secretAccessKey = secretOf(bedrock.secretAccessKey, gateway.env);
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    console.error(`provider ${name}: its secrets are not set`);
    return undefined;
  }
  const sessionToken = bedrock.sessionToken === undefined ? undefined : secretOf(bedrock.sessionToken, gateway.env);
  return { accessKeyId, secretAccessKey, sessionToken, region: bedrock.region, service: "bedrock" };
}

/** A whole body within its time; `cut` when it broke off, `timeout` when it did not come. */
export async function readWhole(answer: Response, deadlineMs: number): Promise<string | Failure> {
  const whole = answer.text().catch(() => failureOf("cut"));
  if (deadlineMs === Infinity) return whole;
  return Promise.race([whole, after(Math.max(0, deadlineMs), failureOf("timeout"))]);
}
