// SHA-256 of bodies, by the runtime: only where a key or a lifetime is made of it, and off the path wherever it can be.

/** 64 lower-case hexadecimal digits. */
export async function hexDigest(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
