import { useEffect, useState } from 'preact/hooks';
import { api, figuresPath } from '../api.ts';
import { type Figures, isRunning, type LeakZone, PERIODS, type Period, periodsOf } from '../leakage.ts';
import { Icon } from '../parts/icon.tsx';
import { Empty, Failure } from '../parts/panel.tsx';
import { alarms, believed, language, leakZones, now, problemOf, returns, site, text } from '../state.ts';
import { Crumb, Frame } from './frame.tsx';
import { useWhenBack } from './layout.ts';
import { LeakageCards, LeakageCardsComing } from './leakage-cards.tsx';
import { LeakageBalance, LeakageFigures } from './leakage-figures.tsx';
import { LeakIncidents } from './leakage-incidents.tsx';
import { LeakageZones } from './leakage-zones.tsx';
import { WhatIfPanel } from './what-if.tsx';

/** How far back the figures go, by their period. */
const REACH_MS: Readonly<Record<Period, number>> = {
  day: 31 * 86_400_000,
  month: 366 * 86_400_000,
  year: 1_095 * 86_400_000,
};

/** What a page of figures is made of: a period that was chosen, and which zone. */
export interface Chosen {
  readonly period: Period;
  /** Label of the period: `2026-11`. */
  readonly label: string;
  readonly labels: readonly string[];
  /** Undefined: the network. */
  readonly zone: string | undefined;
  readonly choose: (label: string) => void;
}

/** The leakage page: open leaks with their evidence, what each zone is at, and the figures a utility reports. */
export function Leakage({ zone }: { zone: string | undefined }) {
  const words = text.value.leakage;
  const [period, setPeriod] = useState<Period>('month');
  const [wanted, setWanted] = useState<string | undefined>(undefined);
  const zones = useZones();
  const { figures, problem, at, again, isAsking } = useFigures(period);
  const labels = figures === undefined ? [] : periodsOf(figures);
  const label = wanted !== undefined && labels.includes(wanted) ? wanted : labels.at(-1);
  const known = zone !== undefined && zones?.some((one) => one.zone === zone) === true ? zone : undefined;
  const chosen: Chosen | undefined =
    label === undefined ? undefined : { period, label, labels, zone: known, choose: setWanted };
  return (
    <Frame title={<Crumb page={words.title} />} ranged={false}>
      <div class="leakage">
        {zones?.length === 0 ? (
          <div class="panel whole">
            <Empty what={words.noZones} why={words.noZonesWhy} />
          </div>
        ) : (
          <>
            <LeakIncidents zones={zones ?? []} zone={known} />
            <div class="leakage-bar">
              <PeriodChoice
                period={period}
                onPeriod={(next) => {
                  setPeriod(next);
                  setWanted(undefined);
                }}
              />
              {chosen !== undefined && figures !== undefined && (
                <PeriodStep chosen={chosen} running={isRunning(figures.zones, chosen.label, now.value)} />
              )}
              <span class="space" />
              <span class="faint" role="status">
                {isAsking ? words.computing : at === undefined ? '' : words.computedAt(site.value.minute(at))}
              </span>
              <button type="button" class="button small quiet" onClick={again} disabled={isAsking}>
                <Icon name="again" size={13} />
                {words.refresh}
              </button>
              <a class="button small quiet" href={`${figuresPath(rangeFor(period))}&format=csv`} title={words.csvWhy}>
                <Icon name="download" size={13} />
                {words.csv}
              </a>
            </div>
            {problem !== undefined && (
              <div class="panel whole">
                <Failure
                  what={words.failed}
                  still={believed.value ? problem : `${problem} ${text.value.whenBack}`}
                  label={text.value.tryAgain}
                  onAgain={again}
                />
              </div>
            )}
            {figures !== undefined && chosen === undefined && (
              <div class="panel whole">
                <Empty what={words.noFigures} why={words.noFiguresWhy} />
              </div>
            )}
            {figures !== undefined && chosen !== undefined ? (
              <LeakageCards figures={figures} zones={zones ?? []} chosen={chosen} />
            ) : (
              figures === undefined && problem === undefined && <LeakageCardsComing zones={zones ?? []} zone={known} />
            )}
            <div class="leakage-body">
              <div class="leakage-main">
                {figures === undefined || chosen === undefined ? (
                  <LeakageZones zones={zones} zone={known} isComing={figures === undefined && problem === undefined} />
                ) : (
                  <>
                    <LeakageZones figures={figures} zones={zones} zone={known} chosen={chosen} />
                    <LeakageFigures figures={figures} zones={zones ?? []} chosen={chosen} />
                  </>
                )}
              </div>
              <div class="leakage-main">
                {figures !== undefined && chosen !== undefined && (
                  <LeakageBalance figures={figures} zones={zones ?? []} chosen={chosen} />
                )}
                <WhatIfPanel zones={zones ?? []} zone={known} />
              </div>
            </div>
          </>
        )}
      </div>
    </Frame>
  );
}

function PeriodChoice({ period, onPeriod }: { period: Period; onPeriod: (period: Period) => void }) {
  const words = text.value.leakage;
  return (
    <fieldset class="choice-small">
      <legend class="unseen">{words.periods}</legend>
      {PERIODS.map((one) => (
        <label key={one}>
          <input type="radio" name="period" checked={one === period} onChange={() => onPeriod(one)} />
          <span>{words.periodName[one]}</span>
        </label>
      ))}
    </fieldset>
  );
}

function PeriodStep({ chosen, running }: { chosen: Chosen; running: boolean }) {
  const words = text.value.leakage;
  const { label, labels, choose } = chosen;
  const index = labels.indexOf(label);
  const step = (by: number) => {
    const next = labels[index + by];
    if (next !== undefined) choose(next);
  };
  return (
    <div class="period-step">
      <button
        type="button"
        class="button quiet icon-only small"
        aria-label={words.earlier}
        disabled={index <= 0}
        onClick={() => step(-1)}
      >
        <Icon name="left" size={14} />
      </button>
      <b aria-live="polite">{periodWord(label)}</b>
      <button
        type="button"
        class="button quiet icon-only small"
        aria-label={words.later}
        disabled={index >= labels.length - 1}
        onClick={() => step(1)}
      >
        <Icon name="right" size={14} />
      </button>
      {running && <span class="tag">{words.running}</span>}
    </div>
  );
}

/** `29 Nov 2026`, `Nov 2026`, `2026` for the gateway's `2026-11-29`, `2026-11`, `2026`. */
export function periodWord(label: string): string {
  const [year, month, day] = label.split('-').map(Number);
  if (year === undefined || month === undefined) return label;
  const locale = language.value === 'zh' ? 'zh-CN' : 'en-GB';
  return new Intl.DateTimeFormat(locale, {
    timeZone: 'UTC',
    year: 'numeric',
    month: 'short',
    ...(day === undefined ? {} : { day: 'numeric' }),
  }).format(Date.UTC(year, month - 1, day ?? 1));
}

const rangeFor = (period: Period) => {
  const to = now.peek();
  return { from: to - REACH_MS[period], to, period };
};

/** Zones as they are now; asked again when an alarm of a leak changed, never by the clock. */
function useZones(): readonly LeakZone[] | undefined {
  const already = leakZones.peek();
  const [zones, setZones] = useState<readonly LeakZone[] | undefined>(already.length === 0 ? undefined : already);
  const leaks = [...alarms.value.values()]
    .filter(({ kind }) => kind === 'leak')
    .map(({ id, changedAt }) => `${id} ${changedAt}`)
    .join();
  useEffect(() => {
    let isGone = false;
    api
      .leakZones()
      .then((found) => {
        leakZones.value = found;
        if (!isGone) setZones(found);
      })
      // What is there stays; the connection bar says what is wrong.
      .catch(() => undefined);
    return () => {
      isGone = true;
    };
  }, [leaks, returns.value]);
  return zones;
}

/** What was computed last, by period: shown at once on the next visit, while it is asked for again. */
const computed = new Map<Period, { readonly figures: Figures; readonly at: number }>();

/** The figures of the last periods; what is there stays while they are asked for again. */
function useFigures(period: Period) {
  const [problem, setProblem] = useState<string | undefined>(undefined);
  const [isAsking, setAsking] = useState(false);
  const [round, setRound] = useState(0);
  useEffect(() => {
    const abort = new AbortController();
    setAsking(true);
    setProblem(undefined);
    api
      .leakFigures(rangeFor(period), abort.signal)
      .then((figures) => computed.set(period, { figures, at: now.peek() }))
      .catch((error: unknown) => {
        if (!abort.signal.aborted) setProblem(problemOf(error));
      })
      .finally(() => {
        if (!abort.signal.aborted) setAsking(false);
      });
    return () => abort.abort();
  }, [period, round]);
  useWhenBack(() => problem !== undefined && setRound(round + 1));
  return {
    ...(computed.get(period) ?? { figures: undefined, at: undefined }),
    problem,
    isAsking,
    again: () => setRound(round + 1),
  };
}
