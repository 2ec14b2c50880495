// Counts what a Worker and its objects ask of objects and of KV, by who asks and what: the entry that the benchmark
// generates (bench/calls.ts) puts this between them and their bindings. Nothing else is changed.

/** `isolate REGION.report` or `RegionObject SERVICE.tell`, and how often. */
const counts = new Map<string, number>();

export const countsAnswer = (): Response => Response.json(Object.fromEntries(counts));

const count = (what: string, often = 1): void => void counts.set(what, (counts.get(what) ?? 0) + often);

/** An alarm that went off: billed as a request to its object. */
export const countAlarm = (who: string): void => count(`${who} alarm`);

interface Storage {
  readonly sql: { exec: (this: unknown, ...args: unknown[]) => { readonly rowsWritten: number } };
  setAlarm: (this: unknown, ...args: unknown[]) => Promise<void>;
}

let watchesStorage = false;

/**
 * Rows that all objects write from now on, as `storage rows`. By their prototype: an object keeps its storage where nobody can
 * put anything between. An alarm that is set is a row, too.
 */
export function countRows({ storage }: { readonly storage: object }): void {
  if (watchesStorage) return;
  watchesStorage = true;
  const { sql } = storage as Storage;
  const sqlMethods = Object.getPrototypeOf(sql) as Storage["sql"];
  const storageMethods = Object.getPrototypeOf(storage) as Storage;
  const { exec } = sqlMethods;
  const { setAlarm } = storageMethods;
  sqlMethods.exec = function counts(this: unknown, ...args) {
    const cursor = Reflect.apply(exec, this, args);
    if (cursor.rowsWritten > 0) count("storage rows", cursor.rowsWritten);
    return cursor;
  };
  storageMethods.setAlarm = function counts(this: unknown, ...args) {
    count("storage rows");
    return Reflect.apply(setAlarm, this, args);
  };
}

type Bindings = Readonly<Record<string, unknown>>;

/** The same bindings, each call of one counted under `who`. */
export function counted<E extends object>(env: E, who: string): E {
  const wrapped: Record<string, unknown> = {};
  for (const [name, binding] of Object.entries(env as Bindings)) {
    wrapped[name] = isNamespace(binding)
      ? namespace(binding, `${who} ${name}`)
      : isStore(binding)
        ? calls(binding, `${who} ${name}`)
        : binding;
  }
  return wrapped as E;
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;
const isNamespace = (value: unknown): value is object => isObject(value) && "idFromName" in value;
const isStore = (value: unknown): value is object => isObject(value) && "getWithMetadata" in value;

const namespace = (real: object, who: string): object =>
  new Proxy(real, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      const makesStubs = name === "get" || name === "getByName";
      return (...args: unknown[]): unknown => {
        const made: unknown = Reflect.apply(member, target, args);
        return makesStubs && isObject(made) ? calls(made, who) : made;
      };
    },
  });

/** Every call of a method is counted as `who.method`. */
const calls = (real: object, who: string): object =>
  new Proxy(real, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function" || typeof name === "symbol") return member;
      return (...args: unknown[]): unknown => {
        count(`${who}.${name}`);
        return Reflect.apply(member, target, args);
      };
    },
  });
