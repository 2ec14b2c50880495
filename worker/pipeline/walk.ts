// One request on its way through the gateway: what the steps have found out so far, in one object of one shape, so that
// a step reads a field instead of asking again. Lives as long as the request.
import type { CompiledPolicy, CompiledRoute } from "../core/policy/compiled.ts";
import type { RequestInfluence } from "../core/cache/influence.ts";
import type { KeyParts } from "../core/cache/key.ts";
import type { Strike } from "../core/chaos/strike.ts";
import type { Refusal } from "../core/http/problem.ts";
import { profileRequest, type RequestProfile } from "../core/http/profile.ts";
import { RequestFields } from "../core/http/request-fields.ts";
import { ANONYMOUS, type SecurityContext } from "../core/security/context.ts";
import type { Place } from "../core/routing/regions.ts";
import type { Attempts } from "../platform/attempts.ts";
import type { StoredEntry } from "../platform/cache/tier.ts";
import type { Gateway } from "../platform/gateway.ts";
import type { HeldPlace } from "../platform/places-held.ts";
import type { RouteRules } from "../platform/rules.ts";
import type { InstanceState } from "../platform/instances.ts";
import type { ServiceState } from "../platform/services.ts";
import type { Overlay } from "../platform/trials.ts";

const NO_FIELDS = new RequestFields();
const NOTHING_BEGUN: readonly Uint8Array[] = [];

/** What a step says: it lets the request go on, refuses it, or has the answer. */
export type Verdict = Refusal | Response | undefined;

/** What came of forwarding. */
export type Given = Response | Refusal;

/** What the cache has to do with a request that goes forward. */
export interface CacheCall {
  /** The answer is being kept: the fetch outlives its client. */
  readonly goesOn: boolean;
  /** Changes the fields of the request that goes to the upstream: conditions, ranges. */
  shape(headers: Headers): void;
  /** From what came back, cleaned of its hop's fields, to what the client gets. */
  settle(result: Given): Promise<Given> | Given;
  /** Nothing will come back. */
  drop(): void;
}

export class Walk {
  /** Changed by whoever reads its body: then it carries what was read. */
  request: Request;
  /** As received. */
  readonly url: string;
  readonly ctx: ExecutionContext;
  readonly gateway: Gateway;
  readonly policy: CompiledPolicy;
  readonly method: string;
  /** As received. Asking a `Request` for its parts costs each time. */
  readonly headers: Headers;
  /** Epoch ms. */
  readonly arrivedAt: number;
  /** Epoch ms as of its last wait: in between, a Worker's clock stands still. */
  now: number;
  /** As `performance.now()`: what durations are measured from. */
  readonly startedAt: number;

  // Set by profile.
  fields: RequestFields = NO_FIELDS;
  correlationId = "";
  traceparent = "";
  scheme: "http" | "https" = "https";
  authority = "";
  host = "";
  /** As received. */
  path = "/";
  /** What routes, rules and caches match. */
  canonicalPath = "/";
  query = "";
  /** The client's address as the edge vouches for it; "" when nobody does. */
  address = "";
  route: CompiledRoute | undefined = undefined;
  #profile: RequestProfile | undefined = undefined;

  // Set by authenticate.
  /** Who asks: nobody, where nobody is asked. */
  security: SecurityContext = ANONYMOUS;

  // Set by the cache's rules and cache.
  influence: RequestInfluence | undefined = undefined;
  cacheCall: CacheCall | undefined = undefined;
  /** What was read of a body that turned out too long: it goes before the rest. */
  begun: readonly Uint8Array[] = NOTHING_BEGUN;
  /** Under which it was looked for; "" while nobody has asked the cache. */
  cacheKey = "";
  /** What it was answered from. */
  cacheEntry: StoredEntry | undefined = undefined;
  /** The answer is being stored. */
  cacheStored = false;
  /** The cache's own, behind an answer's back: no client waits for it. */
  isBackground = false;

  // Set by guard and limit.
  rules: RouteRules | undefined = undefined;
  /** Held until the answer is over. */
  held: HeldPlace | undefined = undefined;

  // Set by route and forward.
  driver: Attempts<Response> | undefined = undefined;
  service: ServiceState | undefined = undefined;
  instance: InstanceState | undefined = undefined;
  attempts = 0;
  /** An attempt lost the race against its deadline: its fetch ends with this request, which must not be held open. */
  abandoned = false;
  /** From sending the last attempt to its response headers. */
  upstreamMs = 0;
  /** Binds a client that nothing binds yet to its instance; "" for none. */
  affinityCookie = "";

  // Set by steps that have a say in what is sent and answered; each costs a request without one a comparison.
  /** Fields of the forwarded request, as they are to be: null takes one away. In force over the route's own edits. */
  requestEdits: (readonly [name: string, value: string | null])[] | undefined = undefined;
  /** What experiments do to this request; undefined when none targets it. */
  strikes: readonly Strike[] | undefined = undefined;
  /** What suggestions that are tried or kept do differently for this request; undefined where there are none. */
  overlay: Overlay | undefined = undefined;
  /** A fault has really befallen an attempt. */
  struck = false;
  /** Fields of the answer, whoever gives it. */
  answerFields: (readonly [name: string, value: string])[] | undefined = undefined;

  // Set by whoever answers.
  /** As `performance.now()`. */
  answeredAt = 0;
  /** The `sluice` member of Cache-Status (RFC 9211); "" while nobody has asked the cache. */
  cacheStatus = "";
  refusal: Refusal | undefined = undefined;
  /** The answer is a stored one after all: dressed already. */
  isFromCache = false;
  /** Its Cache-Status is written already: a plain hit. */
  hasCacheStatus = false;
  /** A plain hit like another of the same second. */
  isRepeated = false;

  constructor(
    request: Request,
    url: string,
    ctx: ExecutionContext,
    gateway: Gateway,
    policy: CompiledPolicy,
    now: number,
  ) {
    this.request = request;
    this.url = url;
    this.method = request.method;
    this.headers = request.headers;
    this.ctx = ctx;
    this.gateway = gateway;
    this.policy = policy;
    this.arrivedAt = now;
    this.now = now;
    this.startedAt = performance.now();
  }

  /** As the client wrote it: what purges and invalidation know. */
  get publicUrl(): string {
    return `${this.scheme}://${this.authority}${this.path}${this.query}`;
  }

  /** It brings what may be a credential, known to the gateway or not: what it is told is not for everybody (RFC 9111 §3.5). */
  get hasCredential(): boolean {
    if (this.fields.authorization !== undefined || this.security !== ANONYMOUS) return true;
    return this.headers.has("x-api-key");
  }

  /** A field of the request as a cache selects by it: the one that nearly all variants are told apart by is at hand. */
  get(name: string): string | null {
    return name === "accept-encoding" ? (this.fields.acceptEncoding ?? null) : this.headers.get(name);
  }

  get keyParts(): KeyParts {
    const { scheme, authority, path, query } = this;
    return { tenant: this.security.tenant, route: this.route!.id, scheme, authority, path, query };
  }

  /** Where the edge says the client is. Reading it costs a few microseconds: only where regions matter. */
  get place(): Place | undefined {
    const { latitude, longitude } = (this.request.cf ?? {}) as IncomingRequestCfProperties;
    const place = { latitude: Number(latitude ?? Number.NaN), longitude: Number(longitude ?? Number.NaN) };
    return Number.isFinite(place.latitude) && Number.isFinite(place.longitude) ? place : undefined;
  }

  /** SEEDS P1; made when a step first asks for it. */
  get profile(): RequestProfile {
    return (this.#profile ??= profileRequest(
      this.method,
      this.canonicalPath,
      this.headers,
      this.request.body !== null,
    ));
  }
}
