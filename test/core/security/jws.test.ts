import { compactVerify, importJWK } from "jose";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { verifyJws } from "../../../worker/core/security/index.ts";
import { bringsKey, MAX_TOKEN_BYTES, parseJws } from "../../../worker/core/security/jws.ts";
import type { JwsCode } from "../../../worker/core/security/jws.ts";
import { b64, hmacSigner, newSigner, privateKeyOf, signWith, tokenOf } from "../../support/tokens.ts";
import type { Jwk, Signer } from "../../support/tokens.ts";

const NAMES = "HS256 HS384 HS512 RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA".split(" ");
const signers = new Map(NAMES.map((alg) => [alg, newSigner(alg)]));
const signer = (alg: string): Signer => signers.get(alg)!;
const now = Date.now();

const verify = (token: unknown, keys: unknown, algorithms: readonly string[] = NAMES) =>
  verifyJws(token, keys, { now, algorithms });
async function expectCode(token: unknown, keys: unknown, code: JwsCode | readonly JwsCode[], algorithms = NAMES) {
  const result = await verify(token, keys, algorithms);
  expect(result.ok ? "verified" : result.code).toBeOneOf(typeof code === "string" ? [code] : [...code]);
}

/** From RFC 7515 appendix A and RFC 8037 appendix A.4. */
const published: [name: string, jwk: Jwk, token: string, payload: string][] = [
  [
    "RFC 7515 A.1",
    {
      kty: "oct",
      k: "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    },
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    '{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}',
  ],
  [
    "RFC 7515 A.2",
    {
      kty: "RSA",
      n: "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
      e: "AQAB",
    },
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
    '{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}',
  ],
  [
    "RFC 7515 A.3",
    {
      kty: "EC",
      crv: "P-256",
      x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
      y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    },
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    '{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}',
  ],
  [
    "RFC 7515 A.4",
    {
      kty: "EC",
      crv: "P-521",
      x: "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
      y: "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2",
    },
    "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
    "Payload",
  ],
  [
    "RFC 8037 A.4",
    { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" },
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
    "Example of Ed25519 signing",
  ],
];

/** From RFC 7520 §4.1 to §4.4: the payload, four keys, what they have signed. */
const BILBO = { kid: "bilbo.baggins@hobbiton.example", use: "sig" };
const RSA = {
  kty: "RSA",
  n: "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw",
  e: "AQAB",
};
const BUSINESS =
  "It’s a dangerous business, Frodo, going out your door. You step onto the road, and if you don't keep your feet, there’s no knowing where you might be swept off to.";
const cookbook: [name: string, jwk: Jwk, header: string, signature: string][] = [
  [
    "RFC 7520 §4.1",
    { ...BILBO, ...RSA },
    "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
    "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg",
  ],
  [
    "RFC 7520 §4.2",
    { ...BILBO, ...RSA },
    "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
    "cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw",
  ],
  [
    "RFC 7520 §4.3",
    {
      ...BILBO,
      kty: "EC",
      crv: "P-521",
      x: "AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt",
      y: "AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1",
    },
    "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
    "AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2",
  ],
  [
    "RFC 7520 §4.4",
    {
      kty: "oct",
      kid: "018c0ae5-4d9b-471b-bfd6-eef314bc7037",
      use: "sig",
      alg: "HS256",
      k: "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg",
    },
    "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9",
    "s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0",
  ],
];

describe("published examples", () => {
  it.each(published)("%s", async (_, jwk, token, payload) => {
    const result = await verify(token, jwk);
    expect(result).toMatchObject({ ok: true });
    if (result.ok) expect(Buffer.from(result.payload).toString()).toBe(payload);
  });

  it.each(cookbook)("%s", async (_, jwk, header, signature) => {
    const payload = Buffer.from(BUSINESS).toString("base64url");
    const result = await verify(`${header}.${payload}.${signature}`, { keys: [jwk] });
    expect(result).toMatchObject({ ok: true, header: { kid: jwk["kid"] } });
    if (result.ok) expect(Buffer.from(result.payload).toString()).toBe(BUSINESS);
    // §4.5 signs the same and leaves the payload out: without it nothing is signed.
    expect((await verify(`${header}..${signature}`, jwk)).ok).toBe(false);
  });

  it("RFC 7515 A.5 is signed by nobody", async () => {
    const token =
      "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.";
    await expectCode(token, published[0]![1], "alg_not_allowed");
    await expectCode(token, published[0]![1], "alg_not_allowed", ["none"]);
  });
});

describe.each(NAMES)("%s", (alg) => {
  const own = signer(alg);
  const good = tokenOf(own, "any bytes: \u00e4\u0000");
  const [head, body, signature] = good.split(".") as [string, string, string];

  it("is verified with its key alone, in a list and in a set, and returns header and payload", async () => {
    for (const keys of [own.jwk, [own.jwk], { keys: [own.jwk] }, { keys: [null, {}, { kty: "?" }, own.jwk] }]) {
      const result = await verify(good, keys, [alg]);
      expect(result.ok).toBe(true);
      if (!result.ok) continue;
      expect(result.header).toMatchObject({ alg, kid: "key-1", typ: "JWT" });
      expect(Buffer.from(result.payload).toString()).toBe("any bytes: \u00e4\u0000");
    }
  });

  it("an empty payload is a payload", async () => {
    expect(await verify(tokenOf(own, ""), own.jwk)).toMatchObject({ ok: true, payload: new Uint8Array() });
  });

  it("its key serves no other algorithm, whatever the token says and the caller takes", async () => {
    for (const other of NAMES) {
      if (other === alg) continue;
      const data = `${b64(JSON.stringify({ alg: other, kid: "key-1" }))}.${body}`;
      // Signed by its own book, and, where the key can, by the other one's.
      const signatures = [own.sign(data)];
      if (own.privateKey?.asymmetricKeyType === "rsa" && /^[RP]S/.test(other)) {
        signatures.push(signWith(other, own.privateKey, data));
      }
      for (const each of signatures) await expectCode(`${data}.${b64(each)}`, own.jwk, ["no_key", "bad_signature"]);
    }
  });

  it("nothing is taken that the caller does not take", async () => {
    await expectCode(good, own.jwk, "alg_not_allowed", []);
    await expectCode(
      good,
      own.jwk,
      "alg_not_allowed",
      NAMES.filter((name) => name !== alg),
    );
  });

  it("every segment has one spelling", async () => {
    const respelled = (segment: string): string[] => {
      const last = segment.at(-1)!;
      const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
      const rest = segment.length % 4;
      const tail = rest === 0 ? [] : [segment.slice(0, -1) + letters[letters.indexOf(last) ^ 1]!];
      return [
        ...tail,
        `${segment}=`,
        `${segment}==`,
        `${segment}A`.length % 4 === 1 ? `${segment}A` : `${segment}A=`,
        ` ${segment}`,
        `${segment} `,
        `${segment}\n`,
        `${segment}\r\n`,
        `\t${segment}`,
        `${segment}\u0000`,
        `${segment.slice(0, 4)}\n${segment.slice(4)}`,
        `${segment.slice(0, 4)}%41${segment.slice(4)}`,
        `${segment.slice(0, 4)}+/${segment.slice(4)}`,
        `${segment}\u00e9`,
        segment.replace(/.$/, "\u0141"),
      ];
    };
    for (const [index, segment] of [head, body, signature].entries()) {
      for (const other of respelled(segment)) {
        const parts = [head, body, signature];
        parts[index] = other;
        await expectCode(parts.join("."), own.jwk, ["malformed", "header_invalid", "bad_signature"]);
      }
    }
    // The same bytes in the other alphabet of base64.
    const plain = [head, body, signature].map((part) => part.replaceAll("-", "+").replaceAll("_", "/")).join(".");
    if (plain !== good) await expectCode(plain, own.jwk, "malformed");
  });

  it("has three segments, no more and no fewer", async () => {
    const shapes = [
      "",
      ".",
      "..",
      "...",
      head,
      `${head}.${body}`,
      `.${body}.${signature}`,
      `${good}.`,
      `.${good}`,
      `${good}.${signature}`,
      `${head}..${body}.${signature}`,
      `${head}.${body}.${signature}..`,
    ];
    for (const shape of shapes) await expectCode(shape, own.jwk, "malformed");
    await expectCode(`${head}..${signature}`, own.jwk, "bad_signature");
    await expectCode(`${head}.${body}.`, own.jwk, "bad_signature");
    const flattened = JSON.stringify({ protected: head, payload: body, signature });
    await expectCode(flattened, own.jwk, "malformed");
  });

  it("a changed bit anywhere is seen", async () => {
    const bytes = Buffer.from(signature, "base64url");
    for (const at of [0, 1, bytes.length >> 1, bytes.length - 1]) {
      for (const bit of [1, 128]) {
        const changed = Buffer.from(bytes);
        changed[at]! ^= bit;
        await expectCode(`${head}.${body}.${b64(changed)}`, own.jwk, "bad_signature");
      }
    }
    await expectCode(`${head}.${b64("other bytes")}.${signature}`, own.jwk, "bad_signature");
    await expectCode(`${b64(JSON.stringify({ alg, kid: "key-1" }))}.${body}.${signature}`, own.jwk, "bad_signature");
    for (const other of [
      bytes.subarray(1),
      bytes.subarray(0, -1),
      Buffer.concat([bytes, Buffer.alloc(1)]),
      Buffer.concat([Buffer.alloc(1), bytes]),
      Buffer.alloc(bytes.length),
      Buffer.alloc(bytes.length, 255),
    ])
      await expectCode(`${head}.${body}.${b64(other)}`, own.jwk, "bad_signature");
  });

  it("a key of the same kind that is another one has not signed it", async () => {
    await expectCode(good, newSigner(alg, { kid: "key-2" }).jwk, "no_key");
    await expectCode(good, { ...newSigner(alg, { kid: "key-2" }).jwk, kid: "key-1" }, "bad_signature");
    const { kid: _, ...nameless } = newSigner(alg, { kid: "key-2" }).jwk;
    await expectCode(good, nameless, "bad_signature");
    // The right one is found among others, by its name or by trying.
    const ring = [nameless, newSigner(alg, { kid: "key-3" }).jwk, own.jwk];
    expect((await verify(good, ring)).ok).toBe(true);
    const { kid: __, ...own2 } = own.jwk;
    expect((await verify(tokenOf(own, "x", JSON.stringify({ alg })), [nameless, own2])).ok).toBe(true);
  });

  const badKeys: [string, Jwk][] = [
    ["is for encryption", { ...own.jwk, use: "enc" }],
    ["has a use of no kind", { ...own.jwk, use: "" }],
    ["may only sign", { ...own.jwk, use: undefined, key_ops: ["sign"] }],
    ["may do nothing", { ...own.jwk, key_ops: [] }],
    ["may only encrypt", { ...own.jwk, key_ops: ["encrypt", "wrapKey"] }],
    ["has operations that are no list", { ...own.jwk, key_ops: "verify" }],
    ["names an operation twice", { ...own.jwk, key_ops: ["verify", "verify"] }],
    ["is for another kind", { ...own.jwk, alg: alg.startsWith("HS") ? "RS256" : "HS256" }],
    ["is for no algorithm", { ...own.jwk, alg: "none" }],
    ["is for an algorithm in other letters", { ...own.jwk, alg: alg.toLowerCase() }],
    ["is for key wrapping", { ...own.jwk, alg: "RSA-OAEP" }],
    ["has an algorithm that is no text", { ...own.jwk, alg: [alg] }],
    ["has another type", { ...own.jwk, kty: own.jwk["kty"] === "RSA" ? "EC" : "RSA" }],
    ["has no type", { ...own.jwk, kty: undefined }],
    ["has a type of an object's own", { ...own.jwk, kty: "constructor" }],
    ["has a name that is none", { ...own.jwk, kid: 1 }],
    ["is over", { ...own.jwk, exp: now / 1000 - 1 }],
    ["has not begun", { ...own.jwk, nbf: now / 1000 + 60 }],
  ];
  it.each(badKeys)("a key that %s is no key", async (_, jwk) => {
    await expectCode(good, jwk, "no_key");
    await expectCode(good, { keys: [jwk] }, "no_key");
  });
  it.each([undefined, null, "", 1, true, [], {}, { keys: [] }, { keys: {} }, { keys: [[]] }])(
    "no key at all: %j",
    async (keys) => expectCode(good, keys, "no_key"),
  );

  const heads: [string, unknown, JwsCode | readonly JwsCode[]][] = [
    ["no JSON", "alg", "header_invalid"],
    ["a list", `["${alg}"]`, "header_invalid"],
    ["a text", `"${alg}"`, "header_invalid"],
    ["null", "null", "header_invalid"],
    ["a number", "1", "header_invalid"],
    ["alg twice", `{"alg":"none","alg":"${alg}"}`, "header_invalid"],
    ["alg twice, once escaped", `{"\\u0061lg":"none","alg":"${alg}"}`, "header_invalid"],
    ["kid twice", `{"alg":"${alg}","kid":"key-1","kid":"key-1"}`, "header_invalid"],
    ["a byte order mark", `\ufeff{"alg":"${alg}"}`, "header_invalid"],
    [
      "no UTF-8",
      Buffer.concat([Buffer.from(`{"alg":"${alg}","x":"`), Buffer.from([0xff]), Buffer.from('"}')]),
      "header_invalid",
    ],
    [
      "overlong UTF-8",
      Buffer.concat([Buffer.from(`{"alg":"${alg}","x":"`), Buffer.from([0xc1, 0xa1]), Buffer.from('"}')]),
      "header_invalid",
    ],
    ["something behind it", `{"alg":"${alg}"}x`, "header_invalid"],
    ["a second object", `{"alg":"${alg}"}{}`, "header_invalid"],
    ["too deep", `{"alg":"${alg}","x":${"[".repeat(20)}${"]".repeat(20)}}`, "header_invalid"],
    ["too long", `{"alg":"${alg}","x":"${"x".repeat(5000)}"}`, "header_invalid"],
    ["a prototype", `{"alg":"${alg}","__proto__":{"alg":"none"}}`, "header_invalid"],
    ["no alg", "{}", "alg_not_allowed"],
    ["alg null", '{"alg":null}', "header_invalid"],
    ["alg a list", `{"alg":["${alg}"]}`, "header_invalid"],
    ["alg empty", '{"alg":""}', "alg_not_allowed"],
    [
      "alg in other letters",
      `{"alg":"${alg === alg.toLowerCase() ? alg.toUpperCase() : alg.toLowerCase()}"}`,
      "alg_not_allowed",
    ],
    ["alg with a space", `{"alg":"${alg} "}`, "alg_not_allowed"],
    ["alg with a zero", `{"alg":"${alg}\\u0000"}`, "alg_not_allowed"],
    ["alg an object's own", '{"alg":"toString"}', "alg_not_allowed"],
    ["Alg", `{"Alg":"${alg}"}`, "alg_not_allowed"],
    ["crit unknown", `{"alg":"${alg}","crit":["x"],"x":1}`, "crit_not_understood"],
    ["crit of a claim", `{"alg":"${alg}","crit":["exp"],"exp":9999999999}`, "crit_not_understood"],
    ["crit empty", `{"alg":"${alg}","crit":[]}`, "crit_not_understood"],
    ["crit null", `{"alg":"${alg}","crit":null}`, "crit_not_understood"],
    ["crit of its own", `{"alg":"${alg}","crit":["alg"]}`, "crit_not_understood"],
    ["b64 false", `{"alg":"${alg}","b64":false}`, "crit_not_understood"],
    ["b64 false and crit", `{"alg":"${alg}","b64":false,"crit":["b64"]}`, "crit_not_understood"],
    ["kid a number", `{"alg":"${alg}","kid":1}`, "header_invalid"],
    ["kid of nobody", `{"alg":"${alg}","kid":"../../dev/null"}`, "no_key"],
    ["none", '{"alg":"none"}', "alg_not_allowed"],
    ["None", '{"alg":"None"}', "alg_not_allowed"],
    ["nOnE", '{"alg":"nOnE"}', "alg_not_allowed"],
  ];
  it.each(heads)("a header that is %s, signed well", async (_, header, code) => {
    await expectCode(tokenOf(own, "x", header), own.jwk, code, [...NAMES, "none", "None", "nOnE", ""]);
  });

  it("takes a header with space in it and members it does not know", async () => {
    const header = ` {"typ":"at+jwt",\r\n\t"alg":"${alg}" , "x5t":"abc","cty":"x","n":{"m":[1,2]}}\n`;
    expect((await verify(tokenOf(own, "x", header), own.jwk)).ok).toBe(true);
  });

  it("a key in the header is not used, and says so", async () => {
    const attacker = newSigner(alg, { kid: "key-1" === own.jwk["kid"] ? "key-9" : "key-1" });
    for (const header of [
      { jwk: attacker.jwk },
      { jku: "https://sink.example/keys" },
      { x5u: "https://sink.example" },
      { x5c: ["MIIB"] },
    ]) {
      const token = tokenOf(attacker, "x", { ...header, kid: undefined });
      await expectCode(token, own.jwk, "bad_signature");
      const parsed = parseJws(token);
      expect("header" in parsed && bringsKey(parsed.header)).toBe(true);
    }
  });
});

describe("weak keys", () => {
  const weak: [string, Signer | { jwk: Jwk; alg: string }, number?][] = [
    ["RSA of 1024 bits", newSigner("RS256", { bits: 1024 })],
    ["RSA of 2040 bits", newSigner("RS256", { bits: 2040 })],
    ["RSA with exponent 3", newSigner("RS256", { exponent: 3 })],
    ["a secret of 31 bytes for HS256", hmacSigner("HS256", Buffer.alloc(31, 7))],
    ["a secret of 47 bytes for HS384", hmacSigner("HS384", Buffer.alloc(47, 7))],
    ["a secret of 63 bytes for HS512", hmacSigner("HS512", Buffer.alloc(63, 7))],
    ["an empty secret", hmacSigner("HS256", Buffer.alloc(0))],
  ];
  it.each(weak)("%s", async (_, own) => {
    await expectCode(tokenOf(own as Signer, "x"), own.jwk, "no_key");
  });

  it("a secret without alg serves the hashes it is long enough for", async () => {
    const secret = Buffer.alloc(48, 7);
    for (const [alg, ok] of [
      ["HS256", true],
      ["HS384", true],
      ["HS512", false],
    ] as const) {
      const own = hmacSigner(alg, secret);
      const { alg: _, ...jwk } = own.jwk;
      expect((await verify(tokenOf(own, "x"), jwk)).ok).toBe(ok);
    }
  });

  it("coordinates of another length, off the curve, or of another curve", async () => {
    const own = signer("ES256");
    const good = tokenOf(own, "x");
    const { x, y } = own.jwk as { x: string; y: string };
    const short = b64(Buffer.from(x, "base64url").subarray(1));
    const long = b64(Buffer.concat([Buffer.alloc(1), Buffer.from(x, "base64url")]));
    for (const jwk of [
      { ...own.jwk, x: short },
      { ...own.jwk, x: long },
      { ...own.jwk, y: "" },
      { ...own.jwk, crv: "P-384" },
      { ...own.jwk, crv: "secp256k1" },
      { ...own.jwk, x: `${x}=` },
    ])
      await expectCode(good, jwk, "no_key");
    for (const jwk of [
      { ...own.jwk, y: x },
      { ...own.jwk, x: b64(Buffer.alloc(32)), y: b64(Buffer.alloc(32)) },
      { ...own.jwk, x: y, y: x },
    ])
      await expectCode(good, jwk, "bad_signature");
  });

  it("a private key verifies like its public half", async () => {
    const own = signer("ES256");
    const jwk = { ...own.jwk, ...own.privateKey!.export({ format: "jwk" }), use: "sig" } as Jwk;
    expect(jwk["d"]).toBeDefined();
    expect((await verify(tokenOf(own, "x"), jwk)).ok).toBe(true);
    expect(privateKeyOf(jwk).type).toBe("private");
  });

  it("too long a token is not looked at", async () => {
    const own = signer("HS256");
    const most = Math.floor(((MAX_TOKEN_BYTES - 200) * 3) / 4);
    expect((await verify(tokenOf(own, "x".repeat(most)), own.jwk)).ok).toBe(true);
    await expectCode(tokenOf(own, "x".repeat(MAX_TOKEN_BYTES)), own.jwk, "too_large");
  });
});

describe("RS256 turned into HS256 (RFC 8725 §2.1)", () => {
  it("a public key is no secret, in whatever form", async () => {
    const own = signer("RS256");
    const pem = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----";
    const forms = [pem, `${pem}\n`, JSON.stringify(own.jwk), String(own.jwk["n"])];
    for (const form of forms) {
      const forged = tokenOf(hmacSigner("HS256", Buffer.from(form)), "x");
      const { alg: _, ...unbound } = own.jwk;
      for (const jwk of [own.jwk, unbound]) await expectCode(forged, jwk, "no_key", ["HS256", "RS256"]);
    }
  });
});

describe("ECDSA in DER", () => {
  it.each(["ES256", "ES384", "ES512"])("%s", async (alg) => {
    const own = signer(alg);
    const [head, body] = tokenOf(own, "x").split(".");
    const { sign } = await import("node:crypto");
    const der = sign(`sha${alg.slice(2)}`, Buffer.from(`${head}.${body}`), own.privateKey!);
    await expectCode(`${head}.${body}.${b64(der)}`, own.jwk, "bad_signature");
  });
});

describe("any input", () => {
  it("never throws, and what it verifies another implementation verifies too", async () => {
    const tokens = NAMES.map((alg) => ({ alg, own: signer(alg), token: tokenOf(signer(alg), { sub: "a" }) }));
    const edit = fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      remove: fc.integer({ min: 0, max: 3 }),
      insert: fc.oneof(fc.constantFrom("", ".", "=", "A", "-", "_", "+", "/", " ", "\n"), fc.string({ maxLength: 3 })),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...tokens),
        fc.array(edit, { maxLength: 3 }),
        async ({ alg, own, token }, edits) => {
          const changed = edits.reduce((text, { at, remove, insert }) => {
            const from = Math.floor(at * text.length);
            return text.slice(0, from) + insert + text.slice(from + remove);
          }, token);
          const result = await verify(changed, own.jwk, [alg]);
          if (changed === token) expect(result.ok).toBe(true);
          if (result.ok) await compactVerify(changed, await importJWK(own.jwk, alg), { algorithms: [alg] });
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it("never throws, whatever stands in the place of token, keys and algorithms", async () => {
    await fc.assert(
      fc.asyncProperty(fc.anything(), fc.anything(), async (token, keys) => {
        expect((await verify(token, keys)).ok).toBe(false);
        expect((await verify(tokenOf(signer("HS256"), "x"), keys)).ok).toBe(false);
      }),
      { numRuns: 1_000 },
    );
    const options = { algorithms: undefined } as unknown as { algorithms: string[] };
    expect((await verifyJws(tokenOf(signer("HS256"), "x"), signer("HS256").jwk, options)).ok).toBe(false);
  });
});
