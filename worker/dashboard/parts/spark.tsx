// A curve the size of a word: how a figure went of late, without axes. What it is now stands beside it as text.

interface SparkProps {
  readonly values: readonly (number | null)[];
  readonly label: string;
}

const WIDTH = 96;
const HEIGHT = 24;

export function Spark({ values, label }: SparkProps) {
  const known = values.filter((value) => value !== null);
  if (known.length < 2) return null;
  const most = Math.max(...known, Number.MIN_VALUE);
  const step = WIDTH / Math.max(1, values.length - 1);
  let path = "";
  let isDown = false;
  for (const [index, value] of values.entries()) {
    if (value === null) {
      isDown = false;
      continue;
    }
    const y = HEIGHT - 2 - (value / most) * (HEIGHT - 4);
    path += `${isDown ? "L" : "M"}${(index * step).toFixed(1)} ${y.toFixed(1)}`;
    isDown = true;
  }
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} width={WIDTH} height={HEIGHT} role="img" aria-label={label}>
      <path d={path} />
    </svg>
  );
}
