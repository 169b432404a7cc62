import { useEffect, useRef, useState } from 'preact/hooks';
import { compareAlarms } from '../alarms.ts';
import { ApiError, api } from '../api.ts';
import { writeNumber } from '../format.ts';
import type { Point } from '../model.ts';
import { boundsOf, lengthOf, ZOOM_MIN_MS } from '../range.ts';
import {
  alarms,
  believed,
  connected,
  fixedRange,
  forgetShapes,
  now,
  problemOf,
  range,
  site,
  text,
  theme,
} from '../state.ts';
import { extendBuckets, shapeTrend, summarize } from '../trend-shape.ts';
import type { Bucket } from '../wire.ts';
import { Chart, type ChartContent } from './chart.ts';
import { Empty, Failure, Skeleton } from './panel.tsx';
import { decide, usePoint } from './value.tsx';

interface Loaded {
  readonly point: string;
  readonly buckets: readonly Bucket[];
  readonly stepMs: number;
  /** Of which range. */
  readonly range: string;
}

/** The trend of a point by its id, following its newest value. */
export function PointTrend({ id, height }: { id: string; height: string }) {
  const point = usePoint(id);
  return point === undefined ? null : <Trend point={point} height={height} />;
}

/** Three pixels a slot are as fine as a line shows. */
const PX_PER_BUCKET = 3;
const BUCKETS_MIN = 12;
const BUCKETS_MAX = 600;

/** The trend of one point: slots made by the gateway, the newest ones by the live feed. */
/** @param height - of the plot with its axis, as CSS writes it */
export function Trend({ point, height }: { point: Point; height: string }) {
  const words = text.value;
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<Chart | undefined>(undefined);
  const [loaded, setLoaded] = useState<Loaded | undefined>(undefined);
  const [problem, setProblem] = useState<ApiError | undefined>(undefined);
  const [attempt, setAttempt] = useState(0);
  const [pointed, setPointed] = useState<number | undefined>(undefined);
  const chosen = range.value;
  const rangeKey = chosen.kind === 'relative' ? chosen.name : `${chosen.from}-${chosen.to}`;
  const online = connected.value;

  // The key stands for the range; after a loss the gap is asked for
  useEffect(() => {
    if (!online) return;
    const abort = new AbortController();
    const bounds = boundsOf(chosen, now.peek());
    const width = place.current?.clientWidth ?? 600;
    const stepMin = (point.everyMs ?? 0) * 1.5;
    const fits = Math.floor(lengthOf(chosen) / Math.max(1, stepMin));
    const count = Math.max(BUCKETS_MIN, Math.min(BUCKETS_MAX, Math.floor(width / PX_PER_BUCKET), fits));
    setProblem(undefined);
    api
      .buckets(point.id, bounds, count, abort.signal)
      .then((buckets) => setLoaded({ point: point.id, buckets, stepMs: lengthOf(chosen) / count, range: rangeKey }))
      .catch((error: unknown) => {
        if (!abort.signal.aborted)
          setProblem(error instanceof ApiError ? error : new ApiError(0, 'failed', String(error)));
      });
    return () => abort.abort();
  }, [point.id, rangeKey, online, attempt]);

  // Each newest value once
  useEffect(() => {
    const { last } = point;
    if (last === undefined || chosen.kind !== 'relative') return;
    setLoaded((before) => {
      if (before === undefined || before.point !== point.id) return before;
      const newest = before.buckets.at(-1);
      if (newest !== undefined && last.ts < newest.ts) return before;
      const { from } = boundsOf(chosen, now.peek());
      return { ...before, buckets: extendBuckets(before.buckets, { point: point.id, ...last }, before.stepMs, from) };
    });
  }, [point.last]);

  const { writing } = decide(point);
  const show = (value: number | undefined) => (value === undefined ? undefined : writing.show(value));
  const isLost = !believed.value;
  // Another range than the one that is known would show gaps where nobody was asked.
  const current = loaded?.point === point.id && (!isLost || loaded.range === rangeKey) ? loaded : undefined;
  const shownBuckets = (current?.buckets ?? []).map((bucket) => {
    const { min, max, mean } = bucket;
    return {
      ...bucket,
      ...(min === undefined ? {} : { min: show(min) as number }),
      ...(max === undefined ? {} : { max: show(max) as number }),
      ...(mean === undefined ? {} : { mean: show(mean) as number }),
    };
  });
  const { from, to } = boundsOf(chosen, now.value);
  const until = Math.min(to, now.value);
  const shape = shapeTrend(shownBuckets, {
    from,
    to,
    until,
    live: chosen.kind === 'relative',
    stepMs: current?.stepMs ?? 1_000,
    everyMs: point.everyMs ?? 0,
  });
  const summary = summarize(shownBuckets);
  const time = site.value;
  const content: ChartContent = {
    shape,
    from,
    to,
    until,
    normal: point.normal === undefined ? undefined : [writing.show(point.normal[0]), writing.show(point.normal[1])],
    limits: [...new Set(point.limits.map(({ setpoint }) => writing.show(setpoint)))],
    decimals: writing.decimals,
    alarms: [...alarms.value.values()].filter((alarm) => alarm.point === point.id).sort(compareAlarms),
    words: { noData: words.noData, raised: words.raised },
    time: (timeMs, stepMs) =>
      stepMs >= 86_400_000
        ? time.dayMinute(timeMs).split(' ').slice(0, -1).join(' ')
        : stepMs < 60_000
          ? time.clock(timeMs)
          : time.minute(timeMs),
  };

  // Drawn anew after every render that has data
  useEffect(() => {
    const element = place.current;
    if (element === null || current === undefined) return;
    if (chart.current === undefined) {
      chart.current = new Chart(element, content, {
        onZoom: zoomTo,
        onBack: zoomBack,
        onPoint: setPointed,
      });
    } else chart.current.update(content);
  });
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => chart.current?.resize(element.clientWidth, element.clientHeight));
    observer.observe(element);
    return () => {
      observer.disconnect();
      chart.current?.close();
      chart.current = undefined;
    };
  }, []);
  const shade = theme.value;
  // Colours are read again when the theme changes
  useEffect(() => {
    if (place.current !== null) chart.current?.recolor(place.current);
  }, [shade]);

  const write = (value: number | null | undefined) =>
    value === null || value === undefined ? '–' : writeNumber(value, writing.decimals);
  const { columns } = shape;
  const at = pointed === undefined ? undefined : columns.timesS[pointed];
  const nothing = current !== undefined && current.buckets.length === 0;
  const sentence = summary === undefined ? words.emptyRange : summaryOf(summary, write, writing.label);

  return (
    <div class="trend">
      <div class="trend-read" aria-hidden="true">
        {at !== undefined && pointed !== undefined ? (
          <>
            <b>{time.day(at * 1000) === time.day(now.value) ? time.clock(at * 1000) : time.dayMinute(at * 1000)}</b>
            <span>
              {write(columns.good[pointed] ?? columns.uncertain[pointed] ?? columns.held[pointed])} {writing.label}
            </span>
            {columns.min[pointed] !== null && columns.min[pointed] !== columns.max[pointed] && (
              <span class="faint">
                {write(columns.min[pointed])} – {write(columns.max[pointed])}
              </span>
            )}
          </>
        ) : (
          <span class="faint zoom-hint">{words.zoomHint}</span>
        )}
      </div>
      <div class="trend-box">
        <div
          class="trend-place"
          ref={place}
          role="img"
          aria-label={`${words.trendOf(point.id)}. ${sentence}`}
          style={{ height }}
        />
        {current === undefined && problem === undefined && !isLost && (
          <div class="trend-cover">
            <Skeleton rows={1} height={120} />
          </div>
        )}
        {current === undefined && isLost && (
          <div class="trend-cover unasked">
            <Empty what={words.historyLost} why={words.whenBack} />
          </div>
        )}
        {problem !== undefined && current === undefined && !isLost && (
          <div class="trend-cover">
            <Failure
              what={problem.code === 'no-answer' ? words.historySlow : words.historyFailed}
              still={problem.status === 0 ? words.liveGoesOn : problemOf(problem)}
              label={words.tryAgain}
              onAgain={() => setAttempt(attempt + 1)}
            />
          </div>
        )}
        {nothing && (
          <div class="trend-cover see-through">
            <Empty
              what={words.emptyRange}
              {...(point.last === undefined ? {} : { why: words.emptyRangeLast(time.dayMinute(point.last.ts)) })}
            />
          </div>
        )}
      </div>
      <div class="trend-legend">
        <Keys point={point} />
        <span class="space" />
        {(['min', 'mean', 'max', 'last'] as const).map((key) => (
          <span key={key} class="figure">
            <i>{words[key]}</i> <b>{summary === undefined ? '–' : write(summary[key])}</b>
          </span>
        ))}
        <span class="figure unit">{writing.label}</span>
      </div>
      <details class="trend-table">
        <summary>{words.tableOfValues}</summary>
        <table>
          <thead>
            <tr>
              <th scope="col">{words.time}</th>
              <th scope="col">{words.mean}</th>
              <th scope="col">{words.min}</th>
              <th scope="col">{words.max}</th>
              <th scope="col">{words.readings}</th>
              <th scope="col">{words.quality}</th>
            </tr>
          </thead>
          <tbody>
            {shownBuckets.slice(-60).map((bucket) => (
              <tr key={bucket.ts}>
                <td>{time.clock(bucket.ts)}</td>
                <td>{write(bucket.mean)}</td>
                <td>{write(bucket.min)}</td>
                <td>{write(bucket.max)}</td>
                <td>{bucket.count}</td>
                <td>{bucket.held ? words.standing.stale : words.standing[bucket.worstQuality]}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </div>
  );
}

function Keys({ point }: { point: Point }) {
  const words = text.value;
  return (
    <>
      <span class="key">
        <svg width="22" height="8" aria-hidden="true">
          <path d="M1 4H21" stroke="var(--ink)" stroke-width="1.8" />
        </svg>
        {words.measured}
      </span>
      {point.normal !== undefined && (
        <span class="key">
          <svg width="22" height="10" aria-hidden="true">
            <path d="M0 1H22V9H0z" fill="var(--band)" />
            <path d="M0 1H22M0 9H22" stroke="var(--bande)" stroke-dasharray="2 3" />
          </svg>
          {words.normalBandLegend}
        </span>
      )}
      {point.limits.length > 0 && (
        <span class="key">
          <svg width="22" height="8" aria-hidden="true">
            <path d="M1 4H21" stroke="var(--ink2)" stroke-width="1.2" stroke-dasharray="5 4" />
          </svg>
          {words.limitLegend}
        </span>
      )}
      <span class="key">
        <svg width="22" height="10" aria-hidden="true">
          <rect width="22" height="10" fill="url(#q-none)" />
        </svg>
        {words.noData}
      </span>
    </>
  );
}

function summaryOf(
  { min, mean, max, last }: { min: number; mean: number; max: number; last: number },
  write: (value: number) => string,
  unit: string,
): string {
  const words = text.value;
  return `${words.min} ${write(min)}, ${words.mean} ${write(mean)}, ${words.max} ${write(max)}, ${words.last} ${write(last)} ${unit}`;
}

/** Zooms made one after another; a double click goes back one. */
const ZOOMS_MAX = 20;
const zooms: (typeof fixedRange.value)[] = [];

function zoomTo(from: number, to: number): void {
  if (zooms.length >= ZOOMS_MAX) zooms.shift();
  zooms.push(fixedRange.value);
  const middle = (from + to) / 2;
  const half = Math.max(ZOOM_MIN_MS, to - from) / 2;
  fixedRange.value = { kind: 'fixed', from: middle - half, to: Math.min(now.value, middle + half) };
  forgetShapes();
}

function zoomBack(): void {
  fixedRange.value = zooms.pop();
  forgetShapes();
}
