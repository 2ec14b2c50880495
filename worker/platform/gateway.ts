// What one isolate is made of: its link to the objects and its knowledge of the instances. One per isolate, made at
// the first request, because ids and clocks need one.
import { CacheKeeper } from "./cache/keeper.ts";
import { Batches } from "./batches.ts";
import { CacheStore } from "./cache/store.ts";
import { addressOfSocket, bySocket } from "./client.ts";
import { carrierOf } from "./carriers.ts";
import { Chaos } from "./chaos.ts";
import type { Env } from "./env.ts";
import { Fleet } from "./fleet.ts";
import { Identity } from "./identity.ts";
import { Isolate } from "./isolate.ts";
import { Recorder } from "./recorder.ts";
import { Trials } from "./trials.ts";

export class Gateway {
  readonly env: Env;
  readonly fleet: Fleet;
  readonly isolate: Isolate;
  readonly identity: Identity;
  readonly cache = new CacheStore();
  readonly batches: Batches;
  readonly chaos: Chaos;
  readonly trials: Trials;
  readonly recorder: Recorder;
  readonly keeper: CacheKeeper;
  /** The walk of a request, for those that the gateway makes itself; whoever opens the door puts it here. */
  serve: ((request: Request, ctx: ExecutionContext) => Promise<Response> | Response) | undefined = undefined;
  /** ALLOW_PRIVATE: on locally, off when deployed. */
  readonly isLocal: boolean;
  /** The client's address when no edge tells it: locally it is this machine, elsewhere nobody knows. */
  readonly #nearAddress: string;
  readonly #bySocket: boolean;
  /** Its requests come through Cloudflare's edge, or through something that says so. */
  readonly onEdge: boolean;

  constructor(env: Env, request: Request) {
    // Plain workerd tells of the connection there; the edge always names its colo.
    this.onEdge = (request.cf as { colo?: unknown } | undefined)?.colo !== undefined;
    this.#bySocket = bySocket(env);
    this.env = env;
    this.isLocal = env.ALLOW_PRIVATE === "true";
    this.#nearAddress = this.isLocal ? "127.0.0.1" : "";
    this.fleet = new Fleet({
      allowPrivate: this.isLocal,
      region: () => this.isolate.region.name,
      proven: () => this.isolate.region.offPath.proven,
      hurry: () => this.isolate.reporter.hurry(),
      ask: (background, patienceMs) => this.isolate.ask(background, patienceMs),
      metrics: () => this.isolate.metrics,
      carrier: (via) => carrierOf(env, via),
    });
    this.isolate = new Isolate(env, this.fleet);
    this.batches = new Batches(env, Date.now);
    this.identity = new Identity(env, this.isolate);
    this.chaos = new Chaos(this.isolate.orders);
    this.trials = new Trials(this.isolate.orders);
    this.recorder = new Recorder(env);
    this.keeper = new CacheKeeper(env, this.isolate.orders, this.isolate.region, this.cache);
    this.isolate.cache = this.keeper;
  }

  /** Who is connected, or what stands for it: for requests of which no edge and no proxy says whom they come from. */
  near(request: Request): string {
    return this.#bySocket ? addressOfSocket(request) : this.#nearAddress;
  }
}

let gateway: Gateway | undefined;

/** The gateway of this isolate. A Worker has one `env` for as long as its isolate lives. */
export function gatewayOf(env: Env, request: Request): Gateway {
  return (gateway ??= new Gateway(env, request));
}
