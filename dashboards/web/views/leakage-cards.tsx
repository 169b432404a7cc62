import type { ComponentChildren } from 'preact';
import { writeNumber } from '../format.ts';
import { leakOf } from '../leak.ts';
import { type Figures, isRunning, type LeakZone, rateShown, realLossOf, type ZoneFigures } from '../leakage.ts';
import { type PeriodBar, PeriodBars } from '../parts/period-bars.tsx';
import { alarms, language, now, text } from '../state.ts';
import { said } from '../text/gateway-zh.ts';
import type { Chosen } from './leakage.tsx';

/** Grades of CJJ 92: up to 10 % is I, up to 12 % is II. */
const GRADES = [10, 12] as const;
/** Where the scale of the rate ends, %. */
const RATE_MAX = 40;

/** The headlines of the network, or of the zone that was chosen. */
export function LeakageCards(props: {
  readonly figures: Figures;
  readonly zones: readonly LeakZone[];
  readonly chosen: Chosen;
}) {
  const { figures, zones, chosen } = props;
  const words = text.value.leakage;
  const { zone, label } = chosen;
  const mine = figures.zones.filter((one) => zone === undefined || one.zone === zone);
  const now_ = mine.filter((one) => one.period === label);
  const rows = (of: (rows: readonly ZoneFigures[]) => number | undefined): readonly PeriodBar[] =>
    chosen.labels.map((name) => ({
      label: name,
      value: of(mine.filter((one) => one.period === name)),
      running: isRunning(figures.zones, name, now.value),
    }));
  const network = figures.network.find((one) => one.period === label);
  const rate = zone === undefined ? network?.rate : now_[0] && rateShown(now_[0]);
  const why = now_.flatMap(({ missing }) => missing.get('rate') ?? missing.get('registered') ?? [])[0];
  const supplied = sumOf(now_, ({ supplied: volume }) => volume?.value);
  const night = sumOf(now_, ({ nightFlow }) => nightFlow?.value);
  const real = sumOf(now_, (one) => realLossOf(one)?.m3PerDay);
  const by = now_.flatMap((one) => realLossOf(one)?.by ?? [])[0];
  const covered = now_.flatMap(({ supplied: volume }) => volume?.coverage ?? []);
  const coverage = covered.length === 0 ? undefined : Math.min(...covered);
  const open = [...alarms.value.values()].filter(
    ({ kind, active, evidence }) => kind === 'leak' && active && (zone === undefined || evidence.zone === zone),
  );
  const worth = open.reduce((sum, { evidence }) => sum + (leakOf(evidence)?.lostValue ?? 0), 0);
  const lost = zones.filter((one) => zone === undefined || one.zone === zone).reduce((sum, one) => sum + one.lostM3, 0);
  const realWhy = now_.flatMap(({ missing }) => missing.get('realLossByNight') ?? [])[0];
  return (
    <div class="cards">
      <Card
        title={words.supplied}
        value={supplied}
        unit="m³"
        aside={
          coverage === undefined || coverage > 0.995 ? '' : words.suppliedCovered(`${Math.floor(coverage * 100)} %`)
        }
        bars={rows((of) => sumOf(of, ({ supplied: volume }) => volume?.value))}
        chosen={chosen}
      />
      <Card
        title={words.rate}
        value={rate?.percent}
        unit="%"
        decimals={1}
        aside={rate === undefined ? '' : words.rateBasis[rate.basis]}
        bars={rows((of) => (of.length === 1 ? of[0] && rateShown(of[0])?.percent : rateOf(figures, of)))}
        chosen={chosen}
        foot={
          rate === undefined ? (
            why === undefined ? undefined : (
              <span class="faint">{said(why, language.value)}</span>
            )
          ) : (
            <RateScale percent={rate.percent} grade={rate.grade} />
          )
        }
      />
      <Card
        title={words.nightFlow}
        value={night}
        unit="m³/h"
        decimals={1}
        aside={zone === undefined ? words.nightFlowSum : ''}
        bars={rows((of) => sumOf(of, ({ nightFlow }) => nightFlow?.value))}
        chosen={chosen}
      />
      <Card
        title={words.realLosses}
        value={real}
        unit={words.perDay}
        aside={by === undefined ? '' : words.realBy[by]}
        bars={rows((of) => sumOf(of, (one) => realLossOf(one)?.m3PerDay))}
        chosen={chosen}
        foot={
          real === undefined && realWhy !== undefined ? (
            <span class="faint">{said(realWhy, language.value)}</span>
          ) : undefined
        }
      />
      <Card
        title={words.lostToOpen}
        value={lost}
        unit="m³"
        aside={words.places(open.length)}
        bars={[]}
        chosen={chosen}
        foot={worth > 0 ? <span class="faint">{words.worth(writeNumber(worth, 0))}</span> : undefined}
      />
    </div>
  );
}

/** While the figures are being computed: what is known without them, and in the places of the others that they are on their way. */
export function LeakageCardsComing({
  zones,
  zone,
}: {
  readonly zones: readonly LeakZone[];
  readonly zone: string | undefined;
}) {
  const words = text.value.leakage;
  const mine = zones.filter((one) => zone === undefined || one.zone === zone);
  const lost = mine.reduce((sum, one) => sum + one.lostM3, 0);
  const leaks = mine.filter(({ state }) => state === 'leak').length;
  return (
    <div class="cards">
      {[words.supplied, words.rate].map((title) => (
        <ComingCard key={title} title={title} />
      ))}
      <Known title={words.nightFlow} value={lastNightOf(mine)} unit="m³/h" decimals={1} aside={words.lastNight} />
      <ComingCard title={words.realLosses} />
      <Known title={words.lostToOpen} value={lost} unit="m³" decimals={0} aside={words.places(leaks)} />
    </div>
  );
}

/** The least flow of last night, all zones together, m3/h; undefined when none has it. */
export function lastNightOf(zones: readonly LeakZone[]): number | undefined {
  const values = zones.flatMap(({ nightFlow }) => nightFlow ?? []);
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
}

const NOTHING_CHOSEN: Chosen = { period: 'month', label: '', labels: [], zone: undefined, choose: () => undefined };

function Known(props: {
  readonly title: string;
  readonly value: number | undefined;
  readonly unit: string;
  readonly decimals: number;
  readonly aside: string;
}) {
  return <Card {...props} bars={[]} chosen={NOTHING_CHOSEN} />;
}

function ComingCard({ title }: { title: string }) {
  return (
    <section class="panel stat figure-card" aria-label={title} aria-busy="true">
      <header class="stat-head">
        <span class="stat-title">{title}</span>
        <span class="stat-aside">{text.value.leakage.isComing}</span>
      </header>
      <div class="stat-value">
        <span class="skeleton coming">
          <i />
        </span>
      </div>
      <div class="stat-foot" />
    </section>
  );
}

function Card(props: {
  readonly title: string;
  readonly value: number | undefined;
  readonly unit: string;
  readonly decimals?: number;
  readonly aside: string;
  readonly bars: readonly PeriodBar[];
  readonly chosen: Chosen;
  readonly foot?: ComponentChildren;
}) {
  const { title, value, unit, decimals = 0, aside, bars, chosen, foot } = props;
  return (
    <section class="panel stat figure-card" aria-label={title}>
      <header class="stat-head">
        <span class="stat-title">{title}</span>
        {aside !== '' && <span class="stat-aside">{aside}</span>}
      </header>
      <div class="stat-value">
        <span class={`value${value === undefined ? ' is-none' : ''}`}>
          <span class="digits">{value === undefined ? '–' : writeNumber(value, decimals)}</span>
          {value !== undefined && <small>{unit}</small>}
        </span>
        {bars.length > 1 && (
          <PeriodBars bars={bars} chosen={chosen.label} width={96} height={30} label={title} onChoose={chosen.choose} />
        )}
      </div>
      <div class="stat-foot">{foot}</div>
    </section>
  );
}

/** Where the rate stands against the grades. */
function RateScale({ percent, grade }: { percent: number; grade: string | undefined }) {
  const words = text.value.leakage;
  const at = (value: number) => Math.min(100, Math.max(0, (value / RATE_MAX) * 100));
  return (
    <div class="rate-scale" title={words.target}>
      <span class="rate-track">
        <i style={{ width: `${at(GRADES[1])}%` }} />
        {GRADES.map((limit) => (
          <u key={limit} style={{ left: `${at(limit)}%` }} />
        ))}
        <b style={{ left: `${at(percent)}%` }} />
      </span>
      <span class="faint">{grade === undefined ? words.gradeYearOnly : words.grade(grade)}</span>
    </div>
  );
}

/** Undefined when none of the zones has it. */
export function sumOf(rows: readonly ZoneFigures[], of: (row: ZoneFigures) => number | undefined): number | undefined {
  const values = rows.flatMap((row) => of(row) ?? []);
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
}

const rateOf = (figures: Figures, rows: readonly ZoneFigures[]): number | undefined =>
  figures.network.find(({ period }) => period === rows[0]?.period)?.rate?.percent;
