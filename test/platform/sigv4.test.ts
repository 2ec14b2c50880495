import { expect, it } from "vitest";
import { signV4 } from "../../worker/platform/sigv4.ts";

const NOW = Date.UTC(2015, 7, 30, 12, 36, 0);
const credentials = {
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
  sessionToken: undefined,
  region: "us-east-1",
  service: "service",
};

/** AWS's own test suite for Signature Version 4: get-vanilla and post-vanilla. */
it.each([
  ["GET", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"],
  ["POST", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"],
])("signs %s as AWS's example is signed", async (method, signature) => {
  const headers = new Headers();
  await signV4(headers, method, "example.amazonaws.com", "/", new Uint8Array(0), credentials, NOW);
  expect(headers.get("authorization")).toBe(
    `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=${signature}`,
  );
});

it("signs type and session token with the rest", async () => {
  const headers = new Headers({ "content-type": "application/json" });
  const session = { ...credentials, sessionToken: "token" };
  const body = new TextEncoder().encode("{}") as Uint8Array<ArrayBuffer>;
  await signV4(headers, "POST", "h", "/model/a%3A0/converse", body, session, NOW);
  expect(headers.get("authorization")).toContain("SignedHeaders=content-type;host;x-amz-date;x-amz-security-token");
});
