import type { JSX } from 'preact';

const WIDTH = 100;
const HEIGHT = 24;

/** How many of the last points are drawn: ten minutes of the hour. */
const POINTS = 120;

/** A small line without axes; it shows only whether something moves. */
export function Sparkline({
  values,
  max,
  label,
}: {
  readonly values: readonly (number | null)[] | undefined;
  readonly max?: number;
  readonly label: string;
}): JSX.Element {
  const shown = values?.slice(-POINTS) ?? [];
  const top = max ?? Math.max(1e-9, ...shown.map((value) => value ?? 0)) * 1.1;
  let path = '';
  let isDrawing = false;
  for (const [index, value] of shown.entries()) {
    if (value === null) {
      isDrawing = false;
      continue;
    }
    const x = WIDTH - ((shown.length - 1 - index) * WIDTH) / (POINTS - 1);
    const y = HEIGHT - 1.5 - (Math.min(value, top) * (HEIGHT - 3)) / top;
    path += `${isDrawing ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`;
    isDrawing = true;
  }
  return (
    <svg
      class="sparkline"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      <path d={path} />
    </svg>
  );
}
