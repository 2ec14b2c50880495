// The policy's own defaults, as routing takes them: tests run with what a policy that says nothing runs with.
import * as v from "valibot";
import { routingOptions } from "../../../worker/core/routing/options.ts";

export const routing = v.parse(routingOptions, {});
export const scoreOptions = { weights: routing.weights, scoring: routing.scoring, adaptive: routing.adaptive };
