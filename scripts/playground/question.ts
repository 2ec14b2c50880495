// Everything that can be wrong with what was asked for, found before anything is started: the policy, the regions, the
// folder, the ports. Each is told in one line (`Wrong`), and the start ends with exit code 2.
import { claimFolder } from "./claim.ts";
import type { Doors } from "./door.ts";
import { DEFAULT_REGIONS, placeOfRegion } from "./places.ts";
import { checkPolicy, readPolicyFile, upstreamPolicy, withProviders } from "./policy-file.ts";
import type { CheckedPolicy } from "./policy-file.ts";
import type { Region, RegionSettings } from "./regions.ts";
import type { Settings } from "./settings.ts";

export class Wrong extends Error {}

export interface Question {
  /** Undefined: the demo's, which is written when its services stand, or none. */
  readonly policy: CheckedPolicy | undefined;
  readonly regions: readonly Region[];
}

/** Opens the doors: from here on the ports are ours. */
export async function prepare(settings: Settings, doors: Doors): Promise<Question> {
  const policy = givenPolicy(settings);
  const wanted = wantedRegions(settings, policy);
  if (settings.persist !== undefined) await claim(settings.persist);
  return { policy, regions: await openDoors(doors, settings.port, wanted) };
}

function givenPolicy({ source, providers }: Settings): CheckedPolicy | undefined {
  switch (source.kind) {
    case "policy": {
      const checked = readPolicyFile(source.file);
      if (!checked.ok) throw new Wrong(`the policy ${source.file} is not valid: ${checked.error}`);
      return checked.value;
    }
    case "upstreams": {
      const checked = checkPolicy(JSON.stringify(withProviders(upstreamPolicy(source.urls), providers)));
      if (!checked.ok)
        throw new Wrong(`--upstream${providers.length > 0 ? " or --provider" : ""} cannot be used: ${checked.error}`);
      return checked.value;
    }
    case "demo":
    case "none":
      return undefined;
  }
}

function wantedRegions({ regions, port }: Settings, policy: CheckedPolicy | undefined): RegionSettings[] {
  const known = policy?.policy.regions ?? {};
  const own = Object.keys(known);
  const names = regions ?? (own.length > 0 ? own : DEFAULT_REGIONS);
  if (port !== 0 && port + names.length - 1 > 65_535) {
    throw new Wrong(`--port ${port} leaves no ports for ${names.length} regions`);
  }
  return names.map((name) => {
    const place = placeOfRegion(name, known);
    if (place !== undefined) return { name, place };
    const others = own.length > 0 ? ` and, in the policy, ${own.join(", ")}` : "";
    throw new Wrong(`there is no region ${name}: known are wnam, enam, sam, weur, eeur, apac, oc, afr, me${others}`);
  });
}

async function claim(folder: string): Promise<void> {
  const isFree = await claimFolder(folder).catch((error: Error) => {
    throw new Wrong(`--persist ${folder} cannot be used: ${error.message}`);
  });
  if (!isFree) throw new Wrong(`--persist ${folder} is in use by another start`);
}

async function openDoors(doors: Doors, first: number, wanted: readonly RegionSettings[]): Promise<Region[]> {
  const ports = await doors.open(first, wanted.length).catch((error: NodeJS.ErrnoException & { port?: number }) => {
    if (error.code === "EADDRINUSE") throw new Wrong(`port ${error.port} is taken: choose another with --port`);
    if (error.code === "EACCES") throw new Wrong(`port ${error.port} may not be used: choose another with --port`);
    throw error;
  });
  return wanted.map((region, index) => ({ ...region, origin: `http://127.0.0.1:${ports[index]}` }));
}
