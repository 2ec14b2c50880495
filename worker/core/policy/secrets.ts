// Which secrets a policy names, and where: what `ready` looks for among the deployment's own.
import { joinPath } from "../protocol/json.ts";
import type { Policy } from "./schema.ts";

export interface NamedSecret {
  readonly path: string;
  readonly name: string;
}

/** Every `{"secret": "NAME"}` of the policy, in its order. */
export function namedSecrets(policy: Policy): NamedSecret[] {
  const found: NamedSecret[] = [];
  collect(policy, "", found);
  return found;
}

function collect(value: unknown, path: string, found: NamedSecret[]): void {
  if (Array.isArray(value)) {
    value.forEach((each: unknown, index) => collect(each, joinPath(path, index), found));
  } else if (typeof value === "object" && value !== null) {
    const entries: [string, unknown][] = Object.entries(value);
    const only = entries.length === 1 ? entries[0]! : undefined;
    if (only !== undefined && only[0] === "secret" && typeof only[1] === "string") found.push({ path, name: only[1] });
    else for (const [key, each] of entries) collect(each, joinPath(path, key), found);
  }
}
