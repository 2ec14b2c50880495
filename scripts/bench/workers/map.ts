// A Worker that answers 1 KB out of a Map: what any cache in isolate memory is measured against. It asks no upstream.
const BODY = JSON.stringify({ items: "x".repeat(1024 - 12) });
const entries = new Map<string, { readonly body: string; readonly headers: Record<string, string> }>();
const headers = { "content-type": "application/json", "cache-control": "public, max-age=60", etag: '"bench"' };

export default {
  fetch(request: Request): Response {
    const { url } = request;
    const key = url.slice(url.indexOf("/", 8));
    let entry = entries.get(key);
    if (entry === undefined) {
      entry = { body: BODY, headers };
      // Bounded as a cache would be; the benchmark asks for one URL.
      if (entries.size >= 1000) entries.clear();
      entries.set(key, entry);
    }
    return new Response(entry.body, { headers: entry.headers });
  },
};
