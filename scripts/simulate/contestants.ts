// Everybody who takes part, by name. The order is that of tables and pictures: the rivals, then Sluice and its variants.
import type { Contestant } from "./gateway.ts";
import { RIVALS } from "./rivals.ts";
import { SLUICE, SLUICE_DEAD, SLUICE_LOCAL } from "./sluice.ts";

export const CONTESTANTS: readonly Contestant[] = [...RIVALS, SLUICE, SLUICE_DEAD, SLUICE_LOCAL];
