// The oracle of the cache's tests, as far as they use it: the package brings no types of its own.
declare module "http-cache-semantics" {
  interface Message {
    readonly method?: string;
    readonly url?: string;
    readonly status?: number;
    readonly headers: Readonly<Record<string, string>>;
  }
  interface Options {
    readonly shared?: boolean;
    readonly cacheHeuristic?: number;
    readonly immutableMinTimeToLive?: number;
  }
  export default class CachePolicy {
    constructor(request: Message, response: Message, options?: Options);
    storable(): boolean;
    satisfiesWithoutRevalidation(request: Message): boolean;
  }
}
