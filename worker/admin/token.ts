// Who may use the admin API: the bearer of ADMIN_TOKEN. The header is the only way in: no cookie, no query, so another
// site's page can never send it along (CSRF). Both sides are hashed before they are compared in constant time, so that
// neither length nor prefix of the token can be measured.

export type Admission = "admitted" | "anonymous" | "wrong" | "closed";

/** Wider than RFC 6750 §2.1 on purpose: whatever an operator has set as the token works, spaces too. */
const SCHEME = /^bearer +(\S.*)$/i;

/** `closed`: no token is configured, and nobody gets in. */
export async function admit(authorization: string | null, token: string | undefined): Promise<Admission> {
  if (token === undefined || token === "") return "closed";
  if (authorization === null) return "anonymous";
  const given = SCHEME.exec(authorization)?.[1];
  if (given === undefined) return "wrong";
  const encoder = new TextEncoder();
  const [left, right] = await Promise.all(
    [given, token].map((text) => crypto.subtle.digest("SHA-256", encoder.encode(text))),
  );
  return crypto.subtle.timingSafeEqual(left!, right!) ? "admitted" : "wrong";
}
