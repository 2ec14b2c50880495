// A header field as it is written in an argument: 'Name: value'.
import { InvalidArgumentError } from "commander";

export type HeaderField = readonly [name: string, value: string];

export function headerField(written: string, before: readonly HeaderField[]): readonly HeaderField[] {
  const colon = written.indexOf(":");
  const field: HeaderField = [written.slice(0, colon).trim(), written.slice(colon + 1).trim()];
  try {
    new Headers([[...field]]);
  } catch {
    throw new InvalidArgumentError("It must be 'Name: value'.");
  }
  return [...before, field];
}
