// Faults of what the gateway depends on, inside the runtime where they happen: objects that hang, throw, die when they are made, are slow,
// or do their work and lose the answer; a KV that is slow, fails or lies. The entry that is generated for the soak (soak/entry.ts)
// puts this between the Worker, its objects and their bindings; which fault is on is told by HTTP and, where the objects live, by a call.

/** `lost`: the work is done, and the answer never comes: what must not be done twice is asked for twice. */
export type ObjectFault = "none" | "hang" | "throw" | "die" | "slow" | "lost";
export type KvFault = "none" | "slow" | "fail" | "lie";

export interface Faults {
  /** By class; absent: none. */
  readonly objects: Readonly<Record<string, ObjectFault>>;
  readonly kv: KvFault;
}

const NO_FAULTS: Faults = { objects: {}, kv: "none" };
const HANG_MS = 30_000;
const SLOW_OBJECT_MS = 700;
const SLOW_KV_MS = 3_000;

let faults: Faults = NO_FAULTS;

export const setFaults = (next: Faults): void => void (faults = next);
const faultOf = (className: string): ObjectFault => faults.objects[className] ?? "none";

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

class ObjectDied extends Error {}

/** Called when an object is to be made. */
export function born(className: string): void {
  if (faultOf(className) === "die") throw new ObjectDied(`${className} dies in its constructor`);
}

/** One call of an object, as the fault of its class lets it be. `end` ends the object, so that the next call must make it anew. */
export async function meddle(className: string, end: () => void, work: () => unknown): Promise<unknown> {
  switch (faultOf(className)) {
    case "none":
      return work();
    case "hang":
      await wait(HANG_MS);
      throw new ObjectDied(`${className} hung`);
    case "throw":
      throw new ObjectDied(`${className} throws`);
    case "die":
      end();
      throw new ObjectDied(`${className} died`);
    case "slow":
      await wait(SLOW_OBJECT_MS);
      return work();
    case "lost":
      await work();
      throw new ObjectDied(`${className} lost its answer`);
  }
}

/** Names of the methods that a class and those it is made of define, but for what the runtime calls itself. */
export function methodsOf(prototype: object): string[] {
  return Object.getOwnPropertyNames(prototype).filter((name) => !["constructor", "fetch", "alarm"].includes(name));
}

/** Values that KV was asked for of late, to answer other questions with. */
const remembered = new Map<string, unknown>();
const REMEMBERED = 64;
let turn = 0;

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

/** The same bindings with a KV that has faults. */
export function faultyBindings<E extends object>(env: E): E {
  const entries = Object.entries(env as Record<string, unknown>).map(([name, binding]): [string, unknown] => [
    name,
    isObject(binding) && "getWithMetadata" in binding ? faultyKv(binding) : binding,
  ]);
  return Object.fromEntries(entries) as E;
}

const faultyKv = (real: object): object =>
  new Proxy(real, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function" || typeof name === "symbol") return member;
      return (...args: unknown[]): unknown => ask(name, args, () => Reflect.apply(member, target, args));
    },
  });

async function ask(method: string, args: readonly unknown[], work: () => unknown): Promise<unknown> {
  switch (faults.kv) {
    case "none":
      return remember(method, args, await work());
    case "slow":
      await wait(SLOW_KV_MS);
      return work();
    case "fail":
      throw new Error("KV fails");
    case "lie":
      return lie(method, args, work);
  }
}

const optionOf = (args: readonly unknown[]): unknown => {
  const [, option] = args;
  return isObject(option) && "type" in option ? option.type : option;
};

/** Text and bytes by type; streams are read once and are not kept. */
function remember(method: string, args: readonly unknown[], value: unknown): unknown {
  if (method !== "get" || (typeof value !== "string" && !(value instanceof ArrayBuffer))) return value;
  remembered.set(String(args[0]), value);
  if (remembered.size > REMEMBERED) remembered.delete(remembered.keys().next().value!);
  return value;
}

/** Another key's value, half a value, nothing at all, or a write that is said to be stored and is not. */
async function lie(method: string, args: readonly unknown[], work: () => unknown): Promise<unknown> {
  const kind = turn++ % 4;
  if (method === "put") return kind === 0 ? undefined : work();
  if (method === "getWithMetadata") {
    return kind === 0
      ? { value: null, metadata: null }
      : kind === 1
        ? { value: '{"services":', metadata: null }
        : work();
  }
  if (method !== "get") return work();
  const type = optionOf(args) ?? "text";
  if (kind === 0) return null;
  const truth = await work();
  if (type === "text") {
    if (kind === 1) return typeof truth === "string" ? truth.slice(0, truth.length / 2) : "{";
    return kind === 2 ? (other(args, (value) => typeof value === "string") ?? truth) : truth;
  }
  if (type === "arrayBuffer") {
    if (kind === 1) return truth instanceof ArrayBuffer ? truth.slice(0, truth.byteLength / 2) : new ArrayBuffer(7);
    return kind === 2 ? (other(args, (value) => value instanceof ArrayBuffer) ?? truth) : truth;
  }
  return truth;
}

function other(args: readonly unknown[], fits: (value: unknown) => boolean): unknown {
  for (const [key, value] of remembered) if (key !== args[0] && fits(value)) return value;
  return undefined;
}
