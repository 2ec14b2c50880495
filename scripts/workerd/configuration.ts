// workerd's configuration in Cap'n Proto's text form, thought out from what is to be bound. Files named in it lie beside it.
// Durable Objects keep their SQLite files below `data`, under unique keys that must never change: they are where state lies.

/** An upstream behind a binding, as the policy names it by `via`. */
export interface ViaTarget {
  readonly name: string;
  readonly url: URL;
  /** Files beside the configuration. */
  readonly certificate?: { readonly cert: string; readonly key: string } | undefined;
  readonly authority?: string | undefined;
}

export interface FolderSettings {
  readonly folder: string;
  readonly policy: string;
  readonly address: string;
  readonly port: number;
  readonly allowPrivate: boolean;
  readonly behindProxy: boolean;
  readonly secrets: readonly string[];
  readonly via: readonly ViaTarget[];
}

export interface Layout {
  readonly compatibilityDate: string;
  readonly compatibilityFlags: readonly string[];
  readonly objects: readonly { readonly binding: string; readonly className: string }[];
  /** Names of variables that are read from the environment as workerd starts. */
  readonly variables: readonly string[];
  readonly via: readonly ViaTarget[];
  readonly address: string;
  readonly allowPrivate: boolean;
  /** A proxy in front says who asks and over what; else the connection does. */
  readonly behindProxy: boolean;
}

const text = (value: string): string => JSON.stringify(value);
const list = (items: readonly string[]): string => `[\n${items.map((item) => `      ${item}`).join(",\n")}\n    ]`;

/** Where a name of an upstream's stands among workerd's services. */
const serviceOf = ({ name }: ViaTarget): string => `via-${name}`;

export function configuration(layout: Layout): string {
  const compatibility = `compatibilityDate = ${text(layout.compatibilityDate)},\n    compatibilityFlags = [${layout.compatibilityFlags.map(text).join(", ")}]`;
  const bindings = [
    ...layout.variables.map((name) => `(name = ${text(name)}, fromEnvironment = ${text(name)})`),
    `(name = "ALLOW_PRIVATE", text = ${text(String(layout.allowPrivate))})`,
    `(name = "CACHE_API", text = "none")`,
    ...(layout.behindProxy ? [] : [`(name = "CLIENT_ADDRESS", text = "socket")`]),
    `(name = "KV", kvNamespace = "store")`,
    `(name = "ASSETS", service = "dashboard")`,
    ...layout.objects.map(
      ({ binding, className }) => `(name = ${text(binding)}, durableObjectNamespace = ${text(className)})`,
    ),
    ...layout.via.map((target) => `(name = ${text(target.name)}, service = ${text(serviceOf(target))})`),
  ];
  const namespaces = layout.objects.map(({ className }) => namespace(className));
  return `# Made by npm run build:workerd; made anew each time, so change what it is made from.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .gateway),
    (name = "store", worker = .store),
    (name = "dashboard", disk = (path = "dashboard")),
    (name = "data", disk = (path = "data", writable = true)),
    (name = "network", network = (
      allow = [${layout.allowPrivate ? `"public", "private"` : `"public"`}],
      tlsOptions = (trustBrowserCas = true)
    ))${layout.via.map((target) => `,\n    ${external(target)}`).join("")}
  ],
  sockets = [
    (name = "http", address = ${text(layout.address)}, http = (${layout.behindProxy ? `forwardedProtoHeader = "X-Forwarded-Proto"` : UNHEARD}), service = "main")
  ]
);

const gateway :Workerd.Worker = (
    modules = [(name = "worker.js", esModule = embed "worker.js")],
    ${compatibility},
    globalOutbound = "network",
    bindings = ${list(bindings)},
    durableObjectNamespaces = ${list(namespaces)},
    durableObjectStorage = (localDisk = "data")
);

# KV: one object with an SQLite file. The policy beside this file is in force until one is published.
const store :Workerd.Worker = (
    modules = [(name = "store.js", esModule = embed "store.js")],
    ${compatibility},
    bindings = [
      (name = "STORE", durableObjectNamespace = "StoreObject"),
      (name = "POLICY", text = embed "policy.json")
    ],
    durableObjectNamespaces = [
      ${namespace("StoreObject")}
    ],
    durableObjectStorage = (localDisk = "data")
);
`;
}

/** Nobody stands in front: what a client says of itself in this field is dropped before the Worker sees it. */
const UNHEARD = `injectRequestHeaders = [(name = "CF-Connecting-IP")]`;

const namespace = (className: string): string =>
  `(className = ${text(className)}, uniqueKey = ${text(`sluice-${className}`)}, enableSql = true)`;

function external(target: ViaTarget): string {
  const { url, certificate, authority } = target;
  const port = url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port;
  const address = text(`${url.hostname}:${port}`);
  if (url.protocol === "http:")
    return `(name = ${text(serviceOf(target))}, external = (address = ${address}, http = ()))`;
  const keypair =
    certificate === undefined
      ? ""
      : `, keypair = (privateKey = embed ${text(certificate.key)}, certificateChain = embed ${text(certificate.cert)})`;
  const trust = authority === undefined ? "" : `, trustedCertificates = [embed ${text(authority)}]`;
  const host = url.hostname.replaceAll(/^\[|\]$/g, "");
  return `(name = ${text(serviceOf(target))}, external = (address = ${address}, https = (options = (), tlsOptions = (trustBrowserCas = ${authority === undefined}${keypair}${trust}), certificateHost = ${text(host)})))`;
}
