// HTTP dates (RFC 9110 §5.6.7): one form is written, three are read, without regard to case. Epoch milliseconds both
// ways; `undefined` for what is no date.

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS_SHORT = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const DAYS_LONG = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

/** IMF-fixdate: `Sun, 06 Nov 1994 08:49:37 GMT`. For years up to 9999. */
export function httpDate(epochMs: number): string {
  return new Date(epochMs).toUTCString();
}

/**
 * Reads any of the three forms. `nowMs` places the two-digit year of the RFC 850 form: one that seems more than 50
 * years ahead lies in the century before. The day's name must be one, but is not held against the date.
 */
export function parseHttpDate(value: string, nowMs: number): number | undefined {
  const text = value.trim().toLowerCase();
  // Longest form: `wednesday, 06-nov-94 08:49:37 gmt`.
  if (text.length > 33) return undefined;
  const comma = text.indexOf(",");
  if (comma < 0) return asctime(text);
  return comma === 3 ? fixdate(text) : rfc850(text, comma, nowMs);
}

/** `sun, 06 nov 1994 08:49:37 gmt` */
function fixdate(text: string): number | undefined {
  if (text.length !== 29 || !text.endsWith(" gmt") || !DAYS_SHORT.includes(text.slice(0, 3))) return undefined;
  if (text[4] !== " " || text[7] !== " " || text[11] !== " " || text[16] !== " ") return undefined;
  return moment(number(text, 12, 16), MONTHS.indexOf(text.slice(8, 11)), number(text, 5, 7), text, 17);
}

/** `sunday, 06-nov-94 08:49:37 gmt` */
function rfc850(text: string, comma: number, nowMs: number): number | undefined {
  const start = comma + 2;
  if (text.length !== start + 22 || !text.endsWith(" gmt") || !DAYS_LONG.includes(text.slice(0, comma)))
    return undefined;
  if (text[comma + 1] !== " " || text[start + 2] !== "-" || text[start + 6] !== "-" || text[start + 9] !== " ") {
    return undefined;
  }
  const short = number(text, start + 7, start + 9);
  const thisYear = new Date(nowMs).getUTCFullYear();
  let year = thisYear - (thisYear % 100) + short;
  if (year > thisYear + 50) year -= 100;
  return moment(
    year,
    MONTHS.indexOf(text.slice(start + 3, start + 6)),
    number(text, start, start + 2),
    text,
    start + 10,
  );
}

/** `sun nov  6 08:49:37 1994`: the day is padded with a space. */
function asctime(text: string): number | undefined {
  if (text.length !== 24 || !DAYS_SHORT.includes(text.slice(0, 3))) return undefined;
  if (text[3] !== " " || text[7] !== " " || text[10] !== " " || text[19] !== " ") return undefined;
  const day = text[8] === " " ? number(text, 9, 10) : number(text, 8, 10);
  return moment(number(text, 20, 24), MONTHS.indexOf(text.slice(4, 7)), day, text, 11);
}

/** The parts as a moment, with `hh:mm:ss` at `at`. A leap second is the first one after it, as POSIX counts. */
function moment(year: number, month: number, day: number, text: string, at: number): number | undefined {
  const hour = number(text, at, at + 2);
  const minute = number(text, at + 3, at + 5);
  const second = number(text, at + 6, at + 8);
  if (text[at + 2] !== ":" || text[at + 5] !== ":") return undefined;
  // Comparisons with NaN are false: each must hold.
  const inRange = year >= 0 && month >= 0 && day >= 1 && hour <= 23 && minute <= 59 && second <= 60;
  if (!inRange) return undefined;
  // Date.UTC takes years below 100 for those of the 20th century.
  const date = new Date(0);
  date.setUTCFullYear(year, month, day);
  if (date.getUTCMonth() !== month || date.getUTCDate() !== day) return undefined;
  return date.getTime() + ((hour * 60 + minute) * 60 + second) * 1000;
}

/** The digits from `from` to `to`, or NaN. */
function number(text: string, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (!(digit >= 0 && digit <= 9)) return NaN;
    value = value * 10 + digit;
  }
  return value;
}
