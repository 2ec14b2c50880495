// node scripts/run.mjs <script-or-bin> [arguments]
//
// The first step of every npm script, on whatever Node >= 18 the machine has, without a dependency: it installs what
// package-lock.json says when node_modules is not that, then runs the tool on the Node that the lockfile brings along.
// Law: arguments, stdin, signals and exit code pass through as if it were not there; a failed install leaves no stamp.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const modules = path.join(root, "node_modules");
const bin = path.join(modules, ".bin");
const stampFile = path.join(modules, ".sluice-stamp");
const lockFile = path.join(root, ".wrangler", "install.lock");

const say = (line) => process.stderr.write(`sluice: ${line}\n`);
const stop = (line, code) => {
  say(line);
  process.exit(code);
};
const readIfThere = (file) => {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
};

/** The machine's C library, where packages with native code differ by it. */
function libraryOf(platform) {
  if (platform !== "linux") return "";
  process.report.excludeNetwork = true;
  return process.report.getReport().header.glibcVersionRuntime === undefined ? "musl" : "glibc";
}
const library = libraryOf(process.platform);
if (library === "musl")
  stop("workerd, the runtime, needs glibc (Debian, Ubuntu, Fedora, ...); this system has musl", 1);

/** A signal's exit code, as a shell would give it. */
const codeOf = (code, signal) => code ?? 128 + (constants.signals[signal] ?? 1);

// --- What is installed ---

const lockText = readIfThere(path.join(root, "package-lock.json"));
if (lockText === undefined) stop("package-lock.json is missing: is this the whole checkout?", 1);
const wanted = createHash("sha256")
  .update(lockText)
  .update([process.platform, process.arch, library].join())
  .digest("hex");

const isInstalled = () => readIfThere(stampFile) === wanted;

/** An install done by hand counts: npm notes in node_modules what it installed, and leaves out what is for other machines. */
function isInstalledByHand() {
  const note = readIfThere(path.join(modules, ".package-lock.json"));
  if (note === undefined) return false;
  const installed = JSON.parse(note).packages;
  const { "": _, ...packages } = JSON.parse(lockText).packages;
  return Object.entries(packages).every(([where, locked]) =>
    installed[where] === undefined
      ? locked.optional === true && !isBuiltForHere(locked)
      : installed[where].version === locked.version && installed[where].integrity === locked.integrity,
  );
}

const isBuiltForHere = ({ os, cpu, libc }) =>
  os?.includes(process.platform) && cpu?.includes(process.arch) && (libc?.includes(library) ?? true);

/** npm itself: the one that called us, the one beside this Node, or the one on PATH. Another package manager won't do. */
function npm() {
  const beside = path.join(path.dirname(process.execPath), "..", "lib", "node_modules", "npm", "bin", "npm-cli.js");
  const script = [process.env.npm_execpath, beside].find(
    (file) => /npm-cli\.c?js$/.test(file ?? "") && existsSync(file),
  );
  return script === undefined ? ["npm"] : [process.execPath, script];
}

/** Settings of the calling npm that the installing one needs; the rest names the calling package or narrows what is installed. */
const kept =
  /^npm_config_(cache|registry|ca|cafile|proxy|https_proxy|noproxy|strict_ssl|userconfig|offline|prefer_offline)$/i;

/** One install at a time: whoever comes second waits, and takes over from an owner that is gone. */
async function locked(work) {
  mkdirSync(path.dirname(lockFile), { recursive: true });
  for (let waited = false; !tryLock(); waited = true) {
    if (!waited) say("another start is installing the dependencies; waiting for it ...");
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const beat = setInterval(() => utimesSync(lockFile, new Date(), new Date()), 2000);
  const unlock = () => rmSync(lockFile, { force: true });
  process.once("exit", unlock);
  await work();
  clearInterval(beat);
  process.off("exit", unlock);
  unlock();
}

function tryLock() {
  try {
    writeFileSync(lockFile, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  }
  const owner = readIfThere(lockFile);
  if (owner === undefined || isAtWork(Number(owner))) return false;
  try {
    // Moved, not removed: of several who find the owner gone, one succeeds.
    renameSync(lockFile, `${lockFile}.${process.pid}`);
    rmSync(`${lockFile}.${process.pid}`, { force: true });
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
  return false;
}

/** Alive, and heard of lately: in a container the number of a dead owner soon belongs to another process. */
function isAtWork(pid) {
  try {
    if (pid === process.pid || Date.now() - statSync(lockFile).mtimeMs > 30_000) return false;
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === "EPERM" || error.code === "ENOENT";
  }
}

async function install() {
  if (isInstalled()) return;
  if (isInstalledByHand()) return writeFileSync(stampFile, wanted);
  const began = Date.now();
  say("installing the dependencies, once (npm ci, about 30 s) ...");
  rmSync(stampFile, { force: true });
  const [command, ...leading] = npm();
  // Whatever the caller's NODE_ENV or --omit: tools and the locked Node are development and optional packages.
  const args = [
    ...leading,
    "ci",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
    "--include=dev",
    "--include=optional",
  ];
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name) || kept.test(name)),
  );
  const child = spawn(command, args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  const undo = passSignals(child);
  const [code, signal, error] = await new Promise((resolve) => {
    child.once("error", (cause) => resolve([1, null, cause]));
    child.once("close", (...end) => resolve(end));
  });
  undo();
  if (code !== 0) {
    if (error?.code === "ENOENT") stop("npm was not found: install Node.js with npm (https://nodejs.org)", 1);
    process.stderr.write(output);
    stop(
      signal === null ? "npm ci failed, see above; nothing was started" : "the install was interrupted",
      codeOf(code, signal),
    );
  }
  writeFileSync(stampFile, wanted);
  say(`dependencies installed in ${Math.round((Date.now() - began) / 1000)} s`);
}

// --- Signals ---

/** Passes on what ends us. Returns how to stop doing so. */
function passSignals(child) {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"];
  // A key pressed in a terminal reaches the child by itself, and to many tools a second one means: at once.
  const pass = (signal) => {
    const isKey = signal === "SIGINT" || signal === "SIGQUIT";
    if (!isKey || !process.stdin.isTTY) child.kill(signal);
  };
  for (const signal of signals) process.on(signal, pass);
  const watch = whenOrphaned(() => child.kill("SIGTERM"));
  return () => {
    for (const signal of signals) process.off(signal, pass);
    clearInterval(watch);
  };
}

/** npm does not pass SIGTERM on, and nobody passes SIGKILL on: the parent (npm, or the shell it runs us in) is watched. */
function whenOrphaned(act) {
  const parent = process.ppid;
  const grandparent = process.env.npm_lifecycle_event === undefined ? undefined : parentOf(parent);
  return setInterval(() => {
    const gone = process.ppid !== parent || (grandparent !== undefined && parentOf(parent) !== grandparent);
    if (gone) act();
  }, 500).unref();
}

/** Linux alone can be asked cheaply; the name in parentheses may hold anything, even spaces. */
const parentOf = (pid) => readIfThere(`/proc/${pid}/stat`)?.split(") ").at(-1)?.split(" ")[1];

// --- The tool ---

const [tool, ...args] = process.argv.slice(2);
if (tool === undefined) stop("usage: node scripts/run.mjs <script or bin> [arguments]", 2);
if (!isInstalled()) await locked(install);

const ownNode = path.join(bin, "node");
const node = existsSync(ownNode) ? ownNode : process.execPath;
const [major, minor] = process.versions.node.split(".").map(Number);
if (node === process.execPath && (major < 22 || (major === 22 && minor < 18))) {
  stop(
    `no Node comes along for ${process.platform} ${process.arch}: install Node 22.18 or newer (this one is ${process.version})`,
    1,
  );
}

const isScript = /\.[cm]?[jt]s$/.test(tool);
const file = isScript ? path.resolve(root, tool) : path.join(bin, tool);
if (!existsSync(file)) stop(`there is no ${isScript ? file : `tool named ${tool}`}`, 2);

// Nothing may call out or ask: the tools' own wishes stay quiet unless the caller's environment says otherwise.
const quiet = {
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  CLOUDFLARE_DEV_REGISTRY_PATH: path.join(root, ".wrangler", "registry"),
  DO_NOT_TRACK: "1",
  WRANGLER_HIDE_BANNER: "true",
  WRANGLER_LOG_PATH: path.join(root, ".wrangler", "logs"),
  WRANGLER_SEND_ERROR_REPORTS: "false",
  WRANGLER_SEND_METRICS: "false",
};
const child = spawn(isScript ? node : file, isScript ? [file, ...args] : args, {
  cwd: root,
  stdio: "inherit",
  env: {
    ...quiet,
    ...process.env,
    PATH: bin + path.delimiter + (process.env.PATH ?? ""),
    // Files named in arguments are meant from where the command was given; npm runs us in the checkout and says where it was.
    INIT_CWD: process.cwd() === root ? (process.env.INIT_CWD ?? root) : process.cwd(),
  },
});
passSignals(child);
child.once("error", (error) => stop(`${tool} could not be started: ${error.message}`, 1));
child.once("exit", (code, signal) => process.exit(codeOf(code, signal)));
