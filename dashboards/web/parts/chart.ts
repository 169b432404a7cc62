import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { Alarm } from '../../../contract/alarm.ts';
import type { Millis } from '../../../contract/time.ts';
import { writeExact, writeNumber } from '../format.ts';
import { type Stretch, type TrendShape, verticalSpan } from '../trend-shape.ts';
import { decimalsOf, hatch, withAlpha } from './canvas.ts';

/** Everything one drawing of a trend depends on; values in the unit people see. */
export interface ChartContent {
  readonly shape: TrendShape;
  readonly from: Millis;
  readonly to: Millis;
  /** Right end of the data. */
  readonly until: Millis;
  readonly normal: readonly [number, number] | undefined;
  readonly limits: readonly number[];
  readonly decimals: number;
  readonly alarms: readonly Alarm[];
  readonly words: { readonly noData: string; readonly raised: string };
  /** Writes a time of the axis; `stepMs` is the distance of its ticks. */
  time(timeMs: Millis, stepMs: number): string;
}

export interface ChartEvents {
  /** A drag chose a stretch of time. */
  onZoom(from: Millis, to: Millis): void;
  onBack(): void;
  /** Column under the pointer, or undefined when it left. */
  onPoint(index: number | undefined): void;
}

/** Series of the chart, in uPlot's order after the times. */
const MIN = 1;
const MAX = 2;
const UNCERTAIN = 3;
const HELD = 4;
const GOOD = 5;

/** Room under the plot for the quality strip, CSS pixels. */
const STRIP_PX = 5;

/** One trend on one canvas. */
export class Chart {
  readonly #plot: uPlot;
  #content: ChartContent;
  #colors: Readonly<Record<string, string>> = {};

  constructor(place: HTMLElement, content: ChartContent, events: ChartEvents) {
    this.#content = content;
    this.#readColors(place);
    const color = (name: string) => () => this.#colors[name] ?? '#888';
    const line = (name: string, width: number, dash: number[]): uPlot.Series => ({
      stroke: color(name),
      width,
      dash,
      spanGaps: false,
      points: { show: (plot, series) => this.#isSparse(plot, series), size: 4, fill: color(name), width: 0 },
    });
    const hidden: uPlot.Series = { stroke: 'transparent', width: 0, spanGaps: false, points: { show: false } };
    this.#plot = new uPlot(
      {
        width: place.clientWidth || 600,
        height: place.clientHeight || 240,
        legend: { show: false },
        cursor: {
          y: false,
          drag: { x: true, y: false, setScale: false },
          points: { size: 7, fill: color('--panel'), stroke: color('--ink'), width: 1.5 },
        },
        scales: {
          x: { time: true, range: () => [this.#content.from / 1000, this.#content.to / 1000] },
          y: { range: () => this.#span() },
        },
        series: [{}, hidden, hidden, line('--ink', 1.8, [4, 3]), line('--ink2', 1.6, [1, 4]), line('--ink', 1.8, [])],
        bands: [{ series: [MAX, MIN], fill: () => withAlpha(this.#colors['--ink'] ?? '#888', 0.14) }],
        axes: [
          {
            stroke: color('--t3'),
            font: this.#font(11),
            size: 26,
            gap: 8,
            space: 74,
            grid: { show: false },
            ticks: { show: false },
            values: (_plot, splits, _axis, _space, step) =>
              splits.map((atS) => this.#content.time(atS * 1000, step * 1000)),
          },
          {
            stroke: color('--t3'),
            font: this.#font(11),
            size: (_plot, labels) => 14 + Math.max(24, ...(labels ?? []).map((label) => label.length * 6.6)),
            gap: 6,
            // Three to five grid lines, whatever the height.
            space: (plot) => Math.max(36, plot.height / 5),
            grid: { stroke: color('--grid'), width: 1 },
            ticks: { show: false },
            values: (_plot, splits, _axis, _space, step) => splits.map((value) => writeNumber(value, decimalsOf(step))),
          },
        ],
        padding: [20, 54, STRIP_PX, 0],
        hooks: {
          drawClear: [(plot) => this.#drawBehind(plot)],
          draw: [(plot) => this.#drawOver(plot)],
          setSelect: [
            (plot) => {
              const { left, width } = plot.select;
              if (width < 6) return;
              const from = plot.posToVal(left, 'x') * 1000;
              const to = plot.posToVal(left + width, 'x') * 1000;
              plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
              events.onZoom(from, to);
            },
          ],
          setCursor: [(plot) => events.onPoint(plot.cursor.idx ?? undefined)],
          ready: [
            (plot) =>
              plot.over.addEventListener('dblclick', (event) => {
                event.stopPropagation();
                events.onBack();
              }),
          ],
        },
      },
      this.#data(),
      place,
    );
  }

  update(content: ChartContent): void {
    this.#content = content;
    this.#plot.setData(this.#data());
  }

  resize(width: number, height: number): void {
    if (width > 0 && height > 0) this.#plot.setSize({ width, height });
  }

  /** To be called when the theme changed. */
  recolor(place: HTMLElement): void {
    this.#readColors(place);
    this.#plot.redraw(false, true);
  }

  close(): void {
    this.#plot.destroy();
  }

  #data(): uPlot.AlignedData {
    const { timesS, min, max, uncertain, held, good } = this.#content.shape.columns;
    return [timesS, min, max, uncertain, held, good] as unknown as uPlot.AlignedData;
  }

  #span(): [number, number] {
    const { shape, normal, limits } = this.#content;
    return verticalSpan(shape.columns, normal, limits);
  }

  /** Points are drawn only where a value stands alone; a line through many says enough. */
  #isSparse(plot: uPlot, series: number): boolean {
    if (series !== GOOD && series !== UNCERTAIN && series !== HELD) return false;
    const values = plot.data[series] as readonly (number | null)[];
    let count = 0;
    for (const value of values) if (value !== null) count += 1;
    return count > 0 && count <= 2;
  }

  #readColors(place: HTMLElement): void {
    const style = getComputedStyle(place);
    const names = ['--ink', '--ink2', '--t1', '--t3', '--grid', '--band', '--bande', '--panel', '--font'];
    const all = [...names, ...[1, 2, 3, 4].flatMap((priority) => [`--p${priority}`, `--x${priority}`])];
    this.#colors = Object.fromEntries(all.map((name) => [name, style.getPropertyValue(name).trim()]));
  }

  #font(size: number, weight = 400): string {
    return `${weight} ${size}px ${this.#colors['--font'] ?? 'sans-serif'}`;
  }

  #x(plot: uPlot, timeMs: Millis): number {
    return plot.valToPos(timeMs / 1000, 'x', true);
  }

  #drawBehind(plot: uPlot): void {
    const { ctx, bbox } = plot;
    const { normal, shape } = this.#content;
    const ratio = uPlot.pxRatio;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    if (normal !== undefined) {
      const top = plot.valToPos(normal[1], 'y', true);
      const bottom = plot.valToPos(normal[0], 'y', true);
      ctx.fillStyle = this.#colors['--band'] ?? '#8882';
      ctx.fillRect(bbox.left, top, bbox.width, bottom - top);
      ctx.strokeStyle = this.#colors['--bande'] ?? '#888';
      ctx.lineWidth = ratio;
      ctx.setLineDash([2 * ratio, 3 * ratio]);
      for (const y of [top, bottom]) {
        ctx.beginPath();
        ctx.moveTo(bbox.left, y);
        ctx.lineTo(bbox.left + bbox.width, y);
        ctx.stroke();
      }
      ctx.setLineDash([]);
    }
    for (const stretch of shape.stretches) {
      if (stretch.kind !== 'no-data' && stretch.kind !== 'bad') continue;
      const left = this.#x(plot, stretch.from);
      const width = this.#x(plot, stretch.to) - left;
      hatch(ctx, this.#colors['--ink2'] ?? '#888', left, bbox.top, width, bbox.height, 0.38, 7);
    }
    ctx.restore();
  }

  #drawOver(plot: uPlot): void {
    const { ctx, bbox } = plot;
    const content = this.#content;
    const ratio = uPlot.pxRatio;
    ctx.save();
    for (const stretch of content.shape.stretches) this.#drawStretch(plot, stretch);
    ctx.textBaseline = 'middle';
    for (const limit of content.limits) {
      const y = plot.valToPos(limit, 'y', true);
      if (y < bbox.top - 1 || y > bbox.top + bbox.height + 1) continue;
      ctx.strokeStyle = this.#colors['--ink2'] ?? '#888';
      ctx.lineWidth = 1.2 * ratio;
      ctx.setLineDash([5 * ratio, 4 * ratio]);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
      ctx.setLineDash([]);
      this.#label(ctx, writeExact(limit, content.decimals), bbox.left + bbox.width + 6 * ratio, y, '--t3', 400, 'left');
    }
    this.#drawBad(plot);
    const words: { readonly from: number; readonly to: number }[] = [];
    for (const alarm of content.alarms) this.#drawRaised(plot, alarm, words);
    this.#drawLast(plot);
    ctx.restore();
  }

  #drawStretch(plot: uPlot, { from, to, kind }: Stretch): void {
    const { ctx, bbox } = plot;
    const ratio = uPlot.pxRatio;
    const left = this.#x(plot, from);
    const width = this.#x(plot, to) - left;
    const y = bbox.top + bbox.height;
    if (kind === 'no-data') {
      if (width < 48 * ratio) return;
      this.#label(ctx, this.#content.words.noData, left + width / 2, bbox.top + 10 * ratio, '--t3', 400, 'center');
      return;
    }
    if (kind === 'stale') {
      ctx.fillStyle = this.#colors['--ink2'] ?? '#888';
      for (let dot = left + 2 * ratio; dot < left + width; dot += 5 * ratio)
        ctx.fillRect(dot, y + 2 * ratio, 1.6 * ratio, 1.6 * ratio);
      return;
    }
    // A moment must be seen too, and half a hatch is a riddle.
    hatch(
      ctx,
      this.#colors['--ink2'] ?? '#888',
      left,
      y,
      Math.max(width, 4 * ratio),
      STRIP_PX * ratio,
      1,
      3,
      kind === 'bad',
    );
  }

  #drawBad(plot: uPlot): void {
    const { ctx } = plot;
    const ratio = uPlot.pxRatio;
    const { timesS, bad } = this.#content.shape.columns;
    let free = Number.NEGATIVE_INFINITY;
    ctx.strokeStyle = this.#colors['--ink2'] ?? '#888';
    ctx.lineWidth = 1.4 * ratio;
    bad.forEach((value, index) => {
      if (value === null) return;
      const x = plot.valToPos(timesS[index] as number, 'x', true);
      // Crosses that touch would be a line again.
      if (x < free) return;
      free = x + 12 * ratio;
      const y = plot.valToPos(value, 'y', true);
      const arm = 3 * ratio;
      ctx.beginPath();
      ctx.moveTo(x - arm, y - arm);
      ctx.lineTo(x + arm, y + arm);
      ctx.moveTo(x + arm, y - arm);
      ctx.lineTo(x - arm, y + arm);
      ctx.stroke();
    });
  }

  /** @param said - where words stand already: the most important alarm speaks, its neighbours only draw their line */
  #drawRaised(plot: uPlot, alarm: Alarm, said: { readonly from: number; readonly to: number }[]): void {
    const { from, to } = this.#content;
    if (alarm.raisedAt < from || alarm.raisedAt > to) return;
    const { ctx, bbox } = plot;
    const ratio = uPlot.pxRatio;
    const x = Math.round(this.#x(plot, alarm.raisedAt));
    ctx.strokeStyle = this.#colors[`--x${alarm.priority}`] ?? '#888';
    ctx.lineWidth = 1.4 * ratio;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top - 4 * ratio);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    const words = `${this.#content.words.raised} ${this.#content.time(alarm.raisedAt, 60_000)}`;
    const near = x > bbox.left + bbox.width - 90 * ratio;
    const room = near ? { from: x - 84 * ratio, to: x } : { from: x, to: x + 84 * ratio };
    if (said.some((other) => other.from < room.to && room.from < other.to)) return;
    said.push(room);
    const color = `--x${alarm.priority}`;
    this.#label(
      ctx,
      words,
      near ? x - 4 * ratio : x + 4 * ratio,
      bbox.top - 8 * ratio,
      color,
      600,
      near ? 'right' : 'left',
    );
  }

  /** The newest value: a dot with its figure; hollow when nothing good came since, and dotted on to now when it is stale. */
  #drawLast(plot: uPlot): void {
    const { shape, from, to, until, decimals, limits } = this.#content;
    const { last } = shape;
    if (last === undefined || last.ts < from || last.ts > to) return;
    const { ctx, bbox } = plot;
    const ratio = uPlot.pxRatio;
    const x = this.#x(plot, last.ts);
    const y = plot.valToPos(last.value, 'y', true);
    const tail = shape.stretches.at(-1);
    const ended = tail !== undefined && tail.to >= until - 1 && tail.kind !== 'uncertain';
    const stale = ended && tail.kind === 'stale';
    if (stale) {
      ctx.strokeStyle = this.#colors['--ink2'] ?? '#888';
      ctx.lineWidth = 1.6 * ratio;
      ctx.setLineDash([1 * ratio, 4 * ratio]);
      ctx.beginPath();
      ctx.moveTo(x, y);
      ctx.lineTo(this.#x(plot, until), y);
      ctx.stroke();
      ctx.setLineDash([]);
    }
    ctx.lineWidth = 1.5 * ratio;
    ctx.strokeStyle = this.#colors['--ink'] ?? '#888';
    ctx.fillStyle = (ended ? this.#colors['--panel'] : this.#colors['--ink']) ?? '#888';
    ctx.beginPath();
    ctx.arc(x, y, 3 * ratio, 0, 2 * Math.PI);
    ctx.fill();
    ctx.stroke();
    const crowded = limits.some((limit) => Math.abs(plot.valToPos(limit, 'y', true) - y) < 12 * ratio);
    const shift = crowded ? (limits.some((limit) => plot.valToPos(limit, 'y', true) >= y) ? -13 : 13) * ratio : 0;
    // An old value stands where it was measured, not at now.
    const right = bbox.left + bbox.width;
    const edge = x < right - 40 * ratio ? x + 7 * ratio : right + 6 * ratio;
    this.#label(ctx, writeNumber(last.value, decimals), edge, y + shift, '--t1', 700, 'left');
  }

  #label(
    ctx: CanvasRenderingContext2D,
    words: string,
    x: number,
    y: number,
    color: string,
    weight: number,
    align: CanvasTextAlign,
  ): void {
    ctx.font = this.#font(11 * uPlot.pxRatio, weight);
    ctx.textAlign = align;
    ctx.textBaseline = 'middle';
    ctx.fillStyle = this.#colors[color] ?? '#888';
    ctx.fillText(words, x, y);
  }
}
