// A colo's cache as far as the benchmark needs one: the Cache API speaks HTTP to a service. A PUT's body is the answer to keep, as it
// would go over the wire; a GET gets it back as a hit, or 504. It stores, and knows nothing of freshness.
interface Kept {
  readonly fields: [string, string][];
  readonly body: Uint8Array<ArrayBuffer>;
}

const held = new Map<string, Kept>();

export default {
  async fetch(request: Request): Promise<Response> {
    const { url, method } = request;
    if (method === "PUT") {
      held.set(url, answerOf(new Uint8Array(await request.arrayBuffer())));
      return new Response(null, { status: 204 });
    }
    if (method !== "GET") return new Response(null, { status: held.delete(url) ? 200 : 404 });
    const kept = held.get(url);
    if (kept === undefined) return new Response(null, { status: 504, headers: { "CF-Cache-Status": "MISS" } });
    return new Response(kept.body, { headers: kept.fields });
  },
};

/** An HTTP/1.1 message as an answer: what stands behind its head is the body. */
function answerOf(message: Uint8Array<ArrayBuffer>): Kept {
  const text = new TextDecoder("latin1").decode(message);
  const end = text.indexOf("\r\n\r\n");
  const fields: [string, string][] = [["CF-Cache-Status", "HIT"]];
  for (const line of text.slice(0, end).split("\r\n").slice(1)) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon);
    if (name.toLowerCase() !== "transfer-encoding") fields.push([name, line.slice(colon + 1).trim()]);
  }
  return { fields, body: message.slice(end + 4) };
}
