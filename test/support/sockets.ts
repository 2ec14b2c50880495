// What both raw ends, upstream and client, need to know of a socket and of header fields.
import type net from "node:net";

export type Field = readonly [name: string, value: string];
export type Fields = readonly Field[] | Readonly<Record<string, string>>;

const isList = (fields: Fields): fields is readonly Field[] => Array.isArray(fields);

/** A list of its own, in order; duplicates can only be written as pairs. */
export const toPairs = (fields: Fields = []): Field[] => (isList(fields) ? [...fields] : Object.entries(fields));

/** `Name: value` lines as pairs, names as they were written. */
export const parseFields = (lines: readonly string[]): Field[] =>
  lines.map((line): Field => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });

/** Every value of a field, in order. */
export function valuesOf(fields: readonly Field[], name: string): string[] {
  const wanted = name.toLowerCase();
  return fields.filter(([field]) => field.toLowerCase() === wanted).map(([, value]) => value);
}

/** All values of a field joined as RFC 9110 §5.3 says, or undefined. */
export function joinedValue(fields: readonly Field[], name: string): string | undefined {
  const values = valuesOf(fields, name);
  return values.length === 0 ? undefined : values.join(", ");
}

/** Resolves when the socket is closed, now or later. */
export async function closeOf(socket: net.Socket): Promise<void> {
  if (!socket.closed) await new Promise<void>((resolve) => socket.once("close", () => resolve()));
}

/** Writes with backpressure: resolves when the kernel took the bytes, or when nobody is left to read them. */
export async function write(socket: net.Socket, bytes: string | Uint8Array): Promise<void> {
  if (socket.destroyed || !socket.writable || bytes.length === 0 || socket.write(bytes)) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      socket.off("drain", done);
      socket.off("close", done);
      resolve();
    };
    socket.once("drain", done);
    socket.once("close", done);
  });
}

/** One chunk of a chunked body (RFC 9112 §7.1). */
export const chunkOf = (data: string | Uint8Array): Buffer => {
  const bytes = Buffer.from(data);
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]);
};
