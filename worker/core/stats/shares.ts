// What a count out of a number says of the share behind it.

/**
 * Lower end of the 95 % Wilson interval (Wilson, 1927) of a share: what can be relied on after `of` cases of which `good` were so;
 * 0 without any.
 */
export function wilsonLow(good: number, of: number): number {
  return of <= 0 ? 0 : wilson(good / of, of, -1);
}

/** Its upper end; 1 without any case. */
export function wilsonHigh(good: number, of: number): number {
  return of <= 0 ? 1 : wilson(good / of, of, 1);
}

const Z = 1.96;

function wilson(share: number, of: number, side: 1 | -1): number {
  const z2 = (Z * Z) / of;
  const spread = Z * Math.sqrt((share * (1 - share)) / of + z2 / (4 * of));
  return Math.min(1, Math.max(0, (share + z2 / 2 + side * spread) / (1 + z2)));
}
