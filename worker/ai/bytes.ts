// Bytes of a stream that pass as they came: as few writes as can be, and nothing lost at the end.

/** Frames that lie side by side in one buffer, as one piece each: one write instead of many. */
export function coalesce(pieces: readonly Uint8Array[]): Uint8Array[] {
  const joined: Uint8Array[] = [];
  let last: Uint8Array | undefined;
  for (const piece of pieces) {
    if (last !== undefined && last.buffer === piece.buffer && last.byteOffset + last.byteLength === piece.byteOffset) {
      last = new Uint8Array(last.buffer, last.byteOffset, last.byteLength + piece.byteLength);
      joined[joined.length - 1] = last;
    } else {
      last = piece;
      joined.push(piece);
    }
  }
  return joined;
}

/** A marker is one as soon as its CR is there: the LF that belongs to it need not be waited for. */
export function withItsEnd(marker: Uint8Array): Uint8Array {
  if (marker.at(-1) !== 13 || !marker.includes(10)) return marker;
  const whole = new Uint8Array(marker.length + 1);
  whole.set(marker);
  whole[marker.length] = 10;
  return whole;
}
