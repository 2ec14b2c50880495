// Promises of one request that another awaits or settles. The runtime notes in a promise whose it is, and lets what waits
// for it go on in the request that waits. V8's optimizing compiler builds the promises of hot code without that note: those of
// `new Promise`, of async functions, of `then` and `finally`. Whoever awaits one of these from another request then goes on
// in the wrong one, where its timers and streams end with somebody else's answer.
//
// Law: such a promise comes from `Promise.withResolvers()`, which the compiler leaves alone.

/** The same outcome, in a promise that any request may await. Settled by the request whose work it is. */
export function share<T>(work: Promise<T>): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  work.then(resolve, reject);
  return promise;
}
