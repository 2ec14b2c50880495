// Takes secrets out of text that is to be recorded, shown or sent to somebody else: an error of the runtime, a provider's own
// words, an address with a key in it. What looks like a credential goes, whether it is one or not: a record loses nothing
// by it. Linear in the text; names are compared without regard to case, `-` and `_`.

export const REDACTED = "[redacted]";

/** Fields and parameters whose value is nobody's business. */
const SECRET_NAMES: ReadonlySet<string> = new Set(
  (
    "authorization proxyauthorization cookie setcookie xapikey apikey xauthtoken xaccesstoken xgoogapikey cfaccessjwtassertion " +
    "cfaccessclientsecret xamzsecuritytoken accesstoken refreshtoken idtoken token secret clientsecret password passwd pwd " +
    "privatekey signature sig credential credentials sessionid session jwt assertion awsaccesskeyid key"
  ).split(" "),
);

/** `X-API-Key`, `api_key`, `apiKey`: whether a field, parameter or member of this name is never recorded. */
export const isSecretName = (name: string): boolean => SECRET_NAMES.has(name.toLowerCase().replaceAll(/[-_]/g, ""));

/** Whether a query names a parameter that is never recorded. `url` may be any text with a `?`. */
export function queryHoldsSecret(url: string): boolean {
  let at = url.indexOf("?");
  while (at >= 0) {
    const end = url.indexOf("&", at + 1);
    const pair = url.slice(at + 1, end < 0 ? url.length : end);
    const equals = pair.indexOf("=");
    if (equals > 0 && isSecretName(pair.slice(0, equals))) return true;
    at = end;
  }
  return false;
}

// Each alternative is linear: its repeated part cannot be matched in two ways.
const SECRETS = new RegExp(
  [
    // RFC 9110 §11.4: a scheme and what follows it.
    String.raw`\b(?:Bearer|Basic|Digest|Negotiate)[ \t]+[^\s,;"'<>]+`,
    // Compact JWS and JWE: their header is a JSON object.
    String.raw`\beyJ[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*){1,4}`,
    // Our own keys, and those of providers and forges, by their prefixes; the id of one of ours is no secret.
    String.raw`\b(?:sk|pk|rk)[-_](?!(?<=sk_)[A-Za-z0-9_-]{24}(?![A-Za-z0-9_.-]))[A-Za-z0-9_-]{12,}(?:\.[A-Za-z0-9_-]+)?`,
    String.raw`\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|AIza|AKIA|ASIA|hf_|whsec_|gsk_)[A-Za-z0-9_-]{8,}`,
    // A user and a password in an address.
    String.raw`(?<=:\/\/)[^\s\/@:"'<>]{1,256}:[^\s\/@"'<>]{1,256}(?=@)`,
  ].join("|"),
  "gi",
);

/** `name=value`, `name: value`, `"name":"value"`, of these names only: a pair of another kind may hold one inside. */
const PAIR = new RegExp(
  String.raw`(?<![A-Za-z0-9])(["']?)(` +
    [...SECRET_NAMES].map((name) => [...name].join("[-_]?")).join("|") +
    String.raw`)\1([ \t]{0,3}[=:][ \t]{0,3})("[^"\n]*"?|'[^'\n]*'?|[^\s&;,"'<>{}()[\]]+)`,
  "gi",
);

const LONGEST_TEXT = 65_536;

/** `text` without what looks like a credential. A text too long to be looked at is cut first. */
export function redact(text: string): string {
  const looked = text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
  return looked.replace(SECRETS, REDACTED).replace(PAIR, `$1$2$1$3${REDACTED}`);
}

/** A thrown value for the log: where it came from, and no secret that it may quote. */
export const described = (error: unknown): string =>
  redact(error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`) : String(error));
