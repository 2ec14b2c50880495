// Figures as people read them: a fixed number of digits, units beside, and a dash for what was not measured, which is never a zero.

export const NONE = "–";

type Figure = number | null | undefined;

const known = (value: Figure): value is number => value !== null && value !== undefined && Number.isFinite(value);

const counts = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** 12,345; from a million on 1.2M. */
export const count = (value: Figure): string =>
  known(value) ? (Math.abs(value) < 1e6 ? counts : short).format(value) : NONE;

/** 0.4, 12, 1,240. */
export const rate = (value: Figure): string =>
  known(value) ? (value === 0 ? "0" : value < 9.95 ? value.toFixed(1) : count(value)) : NONE;

/** 0.8 ms, 34 ms, 1.25 s, 2 min. */
export function duration(ms: Figure): string {
  if (!known(ms)) return NONE;
  if (ms < 9.95) return `${ms.toFixed(1)} ms`;
  if (ms < 999.5) return `${ms.toFixed(0)} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(ms < 9_995 ? 2 : 1)} s`;
  if (ms < 5_400_000) return `${(ms / 60_000).toFixed(0)} min`;
  if (ms < 129_600_000) return `${(ms / 3_600_000).toFixed(0)} h`;
  return `${(ms / 86_400_000).toFixed(0)} d`;
}

/** 0 %, 0.34 %, 12.5 %, 100 %. */
export function share(value: Figure): string {
  if (!known(value)) return NONE;
  const percent = value * 100;
  if (percent === 0 || percent === 100) return `${percent} %`;
  return `${percent < 0.995 ? percent.toFixed(2) : percent.toFixed(1)} %`;
}

/** $0, $0.0042, $1.30, $1,240. */
export function dollars(value: Figure): string {
  if (!known(value)) return NONE;
  if (value === 0) return "$0";
  if (value < 0.995) return `$${value.toPrecision(2)}`;
  return `$${value < 1_000 ? value.toFixed(2) : count(value)}`;
}

export function bytes(value: Figure): string {
  if (!known(value)) return NONE;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const step = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(value) / 10));
  const scaled = value / 1_024 ** step;
  return `${step === 0 || scaled >= 99.5 ? scaled.toFixed(0) : scaled.toFixed(1)} ${units[step]}`;
}

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

/** Of today the time, of other days the day too. 0 is never. */
export function moment(at: Figure, now: number): string {
  if (!known(at) || at === 0) return NONE;
  const isToday = new Date(at).toDateString() === new Date(now).toDateString();
  return (isToday ? clock : day).format(at);
}

/** "just now", "12 s ago", "in 4 s". */
export function ago(at: Figure, now: number): string {
  if (!known(at) || at === 0) return "never";
  const apart = now - at;
  if (Math.abs(apart) < 1_500) return "just now";
  const text = Math.abs(apart) < 59_500 ? `${Math.round(Math.abs(apart) / 1_000)} s` : duration(Math.abs(apart));
  return apart > 0 ? `${text} ago` : `in ${text}`;
}

/** "1 instance", "3 instances". */
export const plural = (number: number, one: string, many = `${one}s`): string =>
  `${count(number)} ${number === 1 ? one : many}`;
