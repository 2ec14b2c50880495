// What stands in the folder beside the Workers, as text.
import type { FolderSettings } from "./configuration.ts";

/** `exec`: signals reach workerd itself. State and address can be elsewhere than the configuration says. */
export const runScript = (version: string): string => `#!/bin/sh
# Starts the gateway. WORKERD names the binary (default: one beside this script, or on PATH), DATA the folder of its
# state, LISTEN an address such as 0.0.0.0:8787.
set -eu
cd "$(dirname "$0")"
if [ -z "\${WORKERD:-}" ]; then
  # Of the npm package the binary itself: its command may be a script around it, and who ends that leaves workerd running.
  for own in ./workerd ./node_modules/@cloudflare/workerd-*/bin/workerd; do
    if [ -x "$own" ]; then WORKERD=$own; break; fi
  done
fi
if [ -z "\${WORKERD:-}" ]; then
  if [ -x ./node_modules/.bin/workerd ]; then WORKERD=./node_modules/.bin/workerd
  elif command -v workerd >/dev/null 2>&1; then WORKERD=workerd
  else
    echo "workerd is not here: npm install --no-save workerd@${version} in $(pwd), or WORKERD=/path/to/workerd" >&2
    exit 2
  fi
fi
DATA="\${DATA:-$(pwd)/data}"
mkdir -p "$DATA"
exec "$WORKERD" serve config.capnp --directory-path "data=$DATA" \${LISTEN:+--socket-addr "http=$LISTEN"} "$@"
`;

export const dockerfile = (version: string, port: number): string => `# syntax=docker/dockerfile:1
# workerd needs glibc 2.35 or newer: Debian 12 has 2.36.
FROM node:24-bookworm-slim AS workerd
WORKDIR /fetch
RUN npm install --no-save --no-audit --no-fund workerd@${version} \\
 && node -e 'const fs=require("fs");const arch=process.arch==="arm64"?"arm64":"64";fs.copyFileSync(require.resolve("@cloudflare/workerd-linux-"+arch+"/bin/workerd"),"/fetch/workerd");fs.chmodSync("/fetch/workerd",0o755)' \\
 && ./workerd --version

FROM debian:bookworm-slim
RUN apt-get update \\
 && apt-get install -y --no-install-recommends ca-certificates curl \\
 && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --no-create-home sluice \\
 && mkdir -p /sluice /data \\
 && chown sluice /data
COPY --from=workerd /fetch/workerd /sluice/workerd
COPY . /sluice/
ENV DATA=/data LISTEN=*:${port}
USER sluice
VOLUME /data
EXPOSE ${port}
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD curl -fsS http://127.0.0.1:${port}/_sluice/health || exit 1
ENTRYPOINT ["/sluice/run.sh"]
`;

export const dockerIgnore = `data
node_modules
.env
Dockerfile
compose.yaml
README.md
`;

export const composeFile = (port: number, variables: readonly string[]): string => `services:
  sluice:
    build: .
    ports:
      - "${port}:${port}"
    environment:
${variables.map((name) => `      ${name}: ${name === "ADMIN_TOKEN" ? "${ADMIN_TOKEN:?set it in .env}" : `\${${name}:-}`}`).join("\n")}
    volumes:
      - state:/data
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    stop_grace_period: 15s
    restart: unless-stopped

volumes:
  state:
`;

export const environmentFile = (variables: readonly string[]): string =>
  `# Copy to .env, which compose reads; run.sh takes them from its environment.\n${variables.map((name) => `${name}=`).join("\n")}\n`;

export function readme(settings: FolderSettings, variables: readonly string[], version: string): string {
  const { port, behindProxy, allowPrivate } = settings;
  return `# Sluice on plain workerd

Made by \`npm run build:workerd\`. Two Workers (\`worker.js\`, the gateway; \`store.js\`, its KV), \`config.capnp\`, the dashboard's files, \`policy.json\`.

    npm install --no-save workerd@${version}     # once; or a binary called workerd beside run.sh
    ADMIN_TOKEN=… ./run.sh                          # http://127.0.0.1:${port}/_sluice/ready

or \`cp .env.example .env\`, fill it in, \`docker compose up --build\`.

- State (generations, keys, breakers, limits, insight, KV) lies in \`data\`, as SQLite files; \`DATA\` moves it. Back it up while the gateway stands still.
- \`policy.json\` is in force until a policy is published: \`npm run policy -- push FILE --url http://127.0.0.1:${port} --token …\`. From then on the published one is, over restarts too.
- Read from the environment: ${variables.map((name) => `\`${name}\``).join(", ")}. Without \`ADMIN_TOKEN\` the admin API refuses.
- Who asks is said by ${behindProxy ? "the proxy in front, which must set `CF-Connecting-IP` itself (nginx: `proxy_set_header CF-Connecting-IP $remote_addr;`) and `X-Forwarded-Proto`; let nobody past it" : "the connection; what clients write into `CF-Connecting-IP` is dropped"}.
- Upstreams at private addresses are ${allowPrivate ? "allowed" : "refused (`--allow-private`)"}.
- One process, one core. Requests in flight end with it: stop it behind a load balancer.
`;
}
