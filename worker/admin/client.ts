// The admin API as a typed client sees it: `adminClient(origin, token)` knows every path, parameter, body and answer from the table of
// endpoints. Paths are those the app registers, so an action's parameter is `ID:COMMAND`. Answers are typed, not checked.
import type { Hono } from "hono";
import { hc } from "hono/client";
import type { BlankEnv } from "hono/types";
import type * as v from "valibot";
import type { problem } from "./answers/words.ts";
import type { ADMIN_ENDPOINTS, OPEN_ENDPOINTS } from "./endpoints.ts";

type Endpoints = typeof ADMIN_ENDPOINTS & typeof OPEN_ENDPOINTS;
type Name = keyof Endpoints;
type PathOf<N> = N extends `${string} ${infer P}` ? P : never;

type ParamNames<P extends string> = P extends `${string}/:${infer Rest}`
  ? Rest extends `${infer First}/${infer More}`
    ? First | ParamNames<`/${More}`>
    : Rest
  : never;

/** What stands in the path; an action's command is one of those there are. */
type ParamOf<E, N extends string> = N extends "action"
  ? E extends { target: { commands: readonly (infer Command extends string)[] } }
    ? [Command] extends [never]
      ? string
      : `${string}:${Command}`
    : string
  : string;

type ParamsIn<E, P extends string> = [ParamNames<P>] extends [never]
  ? object
  : { param: { [N in ParamNames<P>]: ParamOf<E, N> } };
type QueryIn<E> = E extends { query: infer Q extends v.GenericSchema } ? { query?: v.InferInput<Q> } : object;
type BodyIn<E> = E extends { body: infer B extends v.GenericSchema } ? { json: v.InferInput<B> } : object;
type HeadersIn<E> = E extends { preconditions: readonly (infer H extends string)[] }
  ? { header?: { [N in H]?: string } }
  : object;

/** The answer to what was done, or the problem that says why not. */
type Outcome<E, P extends string> = { input: ParamsIn<E, P> & QueryIn<E> & BodyIn<E> & HeadersIn<E> } & (
  | (E extends { answer: infer A extends v.GenericSchema; status: infer S }
      ? { output: v.InferOutput<A>; outputFormat: "json"; status: S }
      : { output: string; outputFormat: "text"; status: 200 })
  | {
      output: v.InferOutput<typeof problem>;
      outputFormat: "json";
      status: 400 | 401 | 403 | 404 | 409 | 412 | 413 | 422 | 428 | 500 | 503;
    }
);

type AdminSchema = {
  [P in PathOf<Name>]: {
    [N in Name as N extends `${infer Method} ${P}` ? `$${Lowercase<Method>}` : never]: Outcome<Endpoints[N], P>;
  };
};

/** The type of the app, as `hc` takes it. */
export type AdminApi = Hono<BlankEnv, AdminSchema>;

export const adminClient = (origin: string, token: string, how: { readonly fetch?: typeof fetch } = {}) =>
  hc<AdminApi>(`${origin}/_sluice`, { headers: { authorization: `Bearer ${token}` }, ...how });
