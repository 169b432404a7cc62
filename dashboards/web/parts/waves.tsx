/** Lines of the lake, calm except around one place; drawn, not loaded. */
const WIDTH = 780;
const HEIGHT = 900;
const LINES = 42;
const CENTER = { x: 470, y: 500 };

function lineAt(index: number): string {
  const base = 90 + (index * (HEIGHT - 180)) / (LINES - 1) + 1.2 * Math.sin(index * 1.7);
  let path = '';
  for (let x = -6; x <= WIDTH + 6; x += 6) {
    const far = Math.hypot(x - CENTER.x, (base - CENTER.y) * 1.4);
    const near = Math.exp(-((far / 190) ** 2));
    const swell = 1.2 * Math.sin(x / 83 + index * 0.9) + 0.8 * Math.sin(x / 37 + index * 2.3);
    const ring = 9 * near * Math.cos(far / 15) * Math.min(1, far / 40);
    path += `${path === '' ? 'M' : 'L'}${x} ${(base + swell * (1 + 2 * near) + ring).toFixed(1)}`;
  }
  return path;
}

const LINE_PATHS = Array.from({ length: LINES }, (_, index) => ({
  path: lineAt(index),
  opacity: 0.16 + 0.6 * Math.exp(-(((index / (LINES - 1) - 0.56) / 0.3) ** 2)),
}));

export function Waves() {
  return (
    <svg class="waves" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="xMidYMid slice" aria-hidden="true">
      {LINE_PATHS.map(({ path, opacity }) => (
        <path key={path} d={path} fill="none" stroke="var(--art)" stroke-width="1.1" opacity={opacity.toFixed(2)} />
      ))}
      <circle cx={CENTER.x} cy={CENTER.y} r="11" fill="var(--bg)" stroke="var(--art)" stroke-width="1.5" />
      <circle cx={CENTER.x} cy={CENTER.y} r="5" fill="var(--acc)" />
    </svg>
  );
}
