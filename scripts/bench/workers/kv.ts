// A KV namespace with a document or two in it, and what is written beside them, as far as the benchmark needs one: the binding
// speaks HTTP to a service, `GET /<encoded key>`, metadata in a header of the answer. Counts what it was asked, so that reads can be reported.
interface Env {
  readonly KEY: string;
  readonly VALUE: string;
  /** A second one; absent where nobody asks for it. */
  readonly KEY2?: string;
  readonly VALUE2?: string;
}

let reads = 0;
let writes = 0;
const written = new Map<string, ArrayBuffer>();

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/__counts") return Response.json({ reads, writes });
    const asked = decodeURIComponent(pathname.slice(1));
    if (request.method !== "GET") {
      writes++;
      if (written.size < 1_000) written.set(asked, await request.arrayBuffer());
      return new Response(null, { status: 204 });
    }
    reads++;
    const own = written.get(asked);
    if (own !== undefined) return new Response(own);
    if (env.VALUE2 !== undefined && asked === env.KEY2) return new Response(env.VALUE2);
    if (asked !== env.KEY) return new Response("Not Found", { status: 404 });
    return new Response(env.VALUE, { headers: { "CF-KV-Metadata": JSON.stringify({ generation: 1, at: 1 }) } });
  },
};
