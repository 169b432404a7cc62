import uPlot from 'uplot';

/** Small things that are drawn on, or worked out for, a canvas. Places are canvas pixels. */

/**
 * Hatches a rectangle.
 *
 * @param alpha - below 1: thin lines, for areas that must not shout
 * @param spacing - CSS pixels between the lines
 */
export function hatch(
  ctx: CanvasRenderingContext2D,
  color: string,
  left: number,
  top: number,
  width: number,
  height: number,
  alpha: number,
  spacing: number,
  crossed = false,
): void {
  if (width <= 0) return;
  const step = spacing * uPlot.pxRatio * Math.SQRT2;
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, width, height);
  ctx.clip();
  ctx.globalAlpha = alpha;
  ctx.strokeStyle = color;
  ctx.lineWidth = uPlot.pxRatio * (alpha < 1 ? 1 : 1.2);
  ctx.beginPath();
  // Anchored to the canvas and not to the stretch, so that hatches of neighbours join.
  const first = Math.floor((left + top) / step) * step - top - height;
  for (let x = first; x < left + width + height; x += step) {
    ctx.moveTo(x, top + height);
    ctx.lineTo(x + height, top);
    if (crossed) {
      ctx.moveTo(x, top);
      ctx.lineTo(x + height, top + height);
    }
  }
  ctx.stroke();
  ctx.restore();
}

/** Decimals that tell two ticks apart. */
export function decimalsOf(step: number): number {
  for (let decimals = 0; decimals < 6; decimals += 1) {
    const scaled = step * 10 ** decimals;
    if (Math.abs(scaled - Math.round(scaled)) < 1e-6) return decimals;
  }
  return 6;
}

/** @param color - `#rrggbb`; another way of writing stays as it is */
export function withAlpha(color: string, alpha: number): string {
  const match = /^#([\da-f]{2})([\da-f]{2})([\da-f]{2})$/i.exec(color);
  if (match === null) return color;
  const [red, green, blue] = match.slice(1).map((pair) => Number.parseInt(pair, 16));
  return `rgba(${red}, ${green}, ${blue}, ${alpha})`;
}
