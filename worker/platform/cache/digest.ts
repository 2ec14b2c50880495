// SHA-256 by the runtime: of bodies, only where a key or a lifetime is made of it, and off the path wherever it can be.

/** 64 lower-case hexadecimal digits. */
export async function hexDigest(bytes: BufferSource): Promise<string> {
  return hexOf(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}

export const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
