// Debian's nginx over real files: a server nobody here wrote, to hold the gateway's answers against.
import { randomFillSync } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import zlib from "node:zlib";
import { freePort, listens } from "./ports.ts";
import { end, launch } from "./programs.ts";

export interface Nginx {
  readonly origin: string;
  readonly authority: string;
  close(): Promise<void>;
}

const settings = (folder: string, port: number): string => `
master_process off;
daemon off;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  client_max_body_size 100k;
  default_type application/octet-stream;
  types { text/html html; text/plain txt; text/css css; application/json json; application/javascript js; image/svg+xml svg; image/png png; }
  charset utf-8;
  # nginx compresses for proxies only when told to.
  gzip_proxied any;
  server {
    listen 127.0.0.1:${port};
    root ${folder}/files;
    location / { index index.html; }
    location /packed/ { gzip on; gzip_min_length 1; gzip_vary on; gzip_types text/css application/json text/plain; }
    location /ready/ { gzip_static on; }
    location /list/ { autoindex on; }
    location /json-list/ { autoindex on; autoindex_format json; alias ${folder}/files/list/; }
    location /expires/ { expires 1h; add_header X-Extra "one"; add_header X-Extra "two"; alias ${folder}/files/; }
    location /never/ { expires epoch; etag off; alias ${folder}/files/; }
    location /cookies { add_header Set-Cookie "a=1; Path=/"; add_header Set-Cookie "b=2; HttpOnly"; return 200 "cookies\\n"; }
    location /moved { return 301 /index.html; }
    location /found { return 302 /index.html?from=found; }
    location /other { return 303 /index.html; }
    location /temporary { return 307 /index.html; }
    location /permanent { return 308 https://elsewhere.example/x; }
    location /nothing { return 204; }
    location /teapot { return 418 "short and stout\\n"; }
    location /gone { return 410; }
    location /down { return 503; }
    location /secret { auth_basic "closed"; auth_basic_user_file ${folder}/users; }
    location /forbidden { deny all; }
    location /echo { default_type text/plain; return 200 "$request_method $request_uri $args\\n"; }
    location /limited { limit_rate 200k; alias ${folder}/files/large.bin; }
    error_page 404 /missing.html;
  }
}
`;

/** Files of several kinds, with times that do not change from run to run. */
function writeFiles(folder: string): void {
  const files = path.join(folder, "files");
  for (const name of ["packed", "ready", "list", "directory", "sp ace", "ünï"])
    mkdirSync(path.join(files, name), { recursive: true });
  const page = `<!doctype html><title>page</title>${"<p>a paragraph of the page</p>\n".repeat(200)}`;
  const large = Buffer.alloc(3_000_000);
  randomFillSync(large);
  const contents: Record<string, string | Buffer> = {
    "index.html": page,
    "missing.html": "<!doctype html><title>not here</title>",
    "plain.txt": "plain text, sixty-four bytes of it, to be cut in several ranges.\n",
    "empty.txt": "",
    "style.css": "body { margin: 0 }\n".repeat(50),
    "script.js": "export default 1;\n",
    "data.json": JSON.stringify({ numbers: Array.from({ length: 500 }, (_, index) => index) }),
    "picture.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
    "unknown.type": "who knows",
    "large.bin": large,
    "packed/style.css": "body { margin: 0 }\n".repeat(500),
    "packed/data.json": JSON.stringify({ text: "again and again ".repeat(500) }),
    "ready/page.html": page,
    "ready/page.html.gz": zlib.gzipSync(page),
    "list/a.txt": "a",
    "list/b.txt": "b",
    "directory/index.html": "<!doctype html><title>directory</title>",
    "sp ace/file name.txt": "spaces",
    "ünï/cödé.txt": "unicode",
    "semi;colon.txt": "semicolon",
    "plus+and&.txt": "plus",
  };
  const when = new Date("2024-02-29T12:00:00Z");
  for (const [name, content] of Object.entries(contents)) {
    const file = path.join(files, name);
    writeFileSync(file, content);
    utimesSync(file, when, when);
  }
  for (const name of ["list", "."]) utimesSync(path.join(files, name), when, when);
  // user:password, in nginx's own {PLAIN} form.
  writeFileSync(path.join(folder, "users"), "user:{PLAIN}password\n");
}

export async function startNginx(file: string): Promise<Nginx> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "sluice-nginx-"));
  const port = await freePort();
  writeFiles(folder);
  // As root, nginx gives its workers to another user, who must be able to read.
  const user = process.getuid?.() === 0 ? "user root;\n" : "";
  writeFileSync(path.join(folder, "nginx.conf"), user + settings(folder, port));
  const child = await launch(
    file,
    ["-p", folder, "-e", path.join(folder, "error.log"), "-c", path.join(folder, "nginx.conf")],
    () => listens(port),
  );
  const authority = `127.0.0.1:${port}`;
  return {
    origin: `http://${authority}`,
    authority,
    async close() {
      await end(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
