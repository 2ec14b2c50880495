// A worker whose Durable Objects fail on purpose, whatever method is called: they hang for 30 s, throw, or die in their
// constructor. A gateway bound to these must answer as if nothing had happened.

export type Fault = "hang" | "throw" | "crash";

export const faultyClass: Readonly<Record<Fault, string>> = {
  hang: "HangObject",
  throw: "ThrowObject",
  crash: "CrashObject",
};

/** A prototype below DurableObject's that has every method: RPC finds methods on the prototype chain. */
export const faultyScript = `
import { DurableObject } from "cloudflare:workers";
const every = (method) => new Proxy(DurableObject.prototype, {
  has: () => true,
  get: (target, name, receiver) => typeof name === "symbol" || name === "then" || (name in target && name !== "fetch" && name !== "alarm")
    ? Reflect.get(target, name, receiver) : method,
});
export class HangObject extends DurableObject {}
export class ThrowObject extends DurableObject {}
export class CrashObject extends DurableObject {
  constructor(state, env) { super(state, env); throw new Error("this object dies in its constructor"); }
}
Object.setPrototypeOf(HangObject.prototype, every(() => new Promise((resolve) => setTimeout(resolve, 30000))));
Object.setPrototypeOf(ThrowObject.prototype, every(() => { throw new Error("this object throws"); }));
export default { fetch: () => new Response("faulty") };
`;
