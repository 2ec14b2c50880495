// The Worker as the soak runs it: the gateway's own entry, each object inside one that can fail, KV behind one that can lie. Faults are
// told to `FAULTS_PATH` of a gateway; `where` says whether they are its own (KV) or those of the process the objects live in.
import { writeFileSync } from "node:fs";
import path from "node:path";
import { bundleWorker, root, workerOptions } from "../bundle.ts";

export const FAULTS_PATH = "/__soak/faults";
const KEEPER = "soak-faults";

/** One module. `scratch` takes the generated entry. */
export function soakWorker(scratch: string): Promise<string> {
  const classes = Object.values(workerOptions().durableObjects ?? {}).map((object) =>
    typeof object === "string" ? object : object.className,
  );
  const from = (file: string): string => JSON.stringify(path.join(root, file));
  const file = path.join(scratch, "soak-entry.ts");
  // An object stands inside another, for its methods call each other: only calls from outside are to fail. One that dies is made anew
  // on its storage by the next call: \`ctx.abort\` would do that too, but leaves a broken stub in Miniflare's registry for good.
  const wrapped = classes.map(
    (name) => `export class ${name} extends DurableObject {
  alive() {
    born(${JSON.stringify(name)});
    return (this.inner ??= new worker.${name}(this.ctx, (this.bindings ??= faultyBindings(this.env))));
  }
  fetch(request) { return this.alive().fetch(request); }
  alarm(info) { return this.alive().alarm?.(info); }
  setFaults(faults) { setFaults(faults); }
}
for (const method of methodsOf(worker.${name}.prototype)) {
  Object.defineProperty(${name}.prototype, method, { value(...args) {
    return meddle(${JSON.stringify(name)}, () => (this.inner = undefined), () => this.alive()[method](...args));
  } });
}`,
  );
  writeFileSync(
    file,
    `import { DurableObject } from "cloudflare:workers";
import * as worker from ${from("worker/index.ts")};
import { born, faultyBindings, meddle, methodsOf, setFaults } from ${from("scripts/soak/worker/faults.ts")};
${wrapped.join("\n")}
let bindings;
export default {
  async fetch(request, env, ctx) {
    if (request.url.endsWith(${JSON.stringify(FAULTS_PATH)})) {
      const faults = await request.json();
      setFaults(faults);
      if (faults.objectsToo) await env.CONTROL.getByName(${JSON.stringify(KEEPER)}).setFaults(faults);
      return new Response("set");
    }
    return worker.default.fetch(request, (bindings ??= faultyBindings(env)), ctx);
  },
};
`,
  );
  return bundleWorker(file);
}
