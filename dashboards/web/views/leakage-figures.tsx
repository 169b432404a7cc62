import type { ComponentChildren } from 'preact';
import { writeNumber } from '../format.ts';
import type { Figure, Figures, LeakZone, Volume, ZoneFigures } from '../leakage.ts';
import { zoneName } from '../parts/name.tsx';
import { Empty, Panel } from '../parts/panel.tsx';
import { language, text } from '../state.ts';
import { said } from '../text/gateway-zh.ts';
import { type Chosen, periodWord } from './leakage.tsx';
import { sumOf } from './leakage-cards.tsx';

/** Loss above this part of the input is worse than grade II of CJJ 92. */
const TARGET = 0.12;

interface FiguresProps {
  readonly figures: Figures;
  readonly zones: readonly LeakZone[];
  readonly chosen: Chosen;
}

/** What the panels are of: the zone that was chosen, or the network. */
function scopeOf({ figures, zones, chosen }: FiguresProps) {
  const words = text.value.leakage;
  const name = chosen.zone === undefined ? words.wholeNetwork : zoneName(zones, chosen.zone);
  return {
    rows: figures.zones.filter(
      ({ period, zone }) => period === chosen.label && (chosen.zone === undefined || zone === chosen.zone),
    ),
    scope: words.balanceOf(name, periodWord(chosen.label)),
  };
}

export function LeakageBalance(props: FiguresProps) {
  const { rows, scope } = scopeOf(props);
  return (
    <Panel title={text.value.leakage.balance} scope={scope}>
      <Balance rows={rows} />
    </Panel>
  );
}

/** Of the zone that was chosen every figure with where it comes from, or why it is absent. */
export function LeakageFigures(props: FiguresProps) {
  const { rows, scope } = scopeOf(props);
  const only = props.chosen.zone === undefined ? undefined : rows[0];
  if (only === undefined) return null;
  return (
    <Panel title={text.value.leakage.figures} scope={scope}>
      <FigureList row={only} />
    </Panel>
  );
}

function Balance({ rows }: { rows: readonly ZoneFigures[] }) {
  const words = text.value.leakage;
  // Only zones that have all of it: a sum of parts that don't belong together is no balance.
  const whole = rows.filter(({ supplied, registered, balance }) => supplied && registered && balance);
  const why = rows.flatMap(({ missing }) => missing.get('registered') ?? missing.get('supplied') ?? [])[0];
  const supplied = sumOf(whole, (row) => row.supplied?.value);
  const billed = sumOf(whole, (row) => row.registered?.value);
  if (supplied === undefined || billed === undefined || supplied <= 0)
    return <Empty what={words.noBalance} {...(why === undefined ? {} : { why: said(why, language.value) })} />;
  const unbilled =
    sumOf(whole, ({ balance, registered }) => (balance?.authorisedM3 ?? 0) - (registered?.value ?? 0)) ?? 0;
  const apparent = sumOf(whole, ({ balance }) => balance?.apparentM3) ?? 0;
  const real = sumOf(whole, ({ balance }) => balance?.realM3) ?? 0;
  const lines = [
    { key: 'billed', word: words.billed, m3: billed },
    { key: 'unbilled', word: words.unbilled, m3: unbilled },
    { key: 'apparent', word: words.apparent, m3: apparent },
    { key: 'real', word: words.real, m3: real },
  ];
  return (
    <div class="panel-body">
      <div class="balance-bar" aria-hidden="true">
        {lines.map(({ key, m3 }) => (
          <i key={key} class={`balance-${key}`} style={{ flexGrow: Math.max(0, m3 / supplied) }} />
        ))}
        <u style={{ left: `${100 * (1 - TARGET)}%` }} />
      </div>
      <p class="balance-note">{words.targetMark}</p>
      <table class="balance-table">
        <tbody>
          <tr>
            <th scope="row">{words.inputLine}</th>
            <td>{writeNumber(supplied, 0)} m³</td>
            <td />
          </tr>
          {lines.map(({ key, word, m3 }) => (
            <tr key={key} class={key === 'real' ? 'strong' : ''}>
              <th scope="row">
                <i class={`balance-key balance-${key}`} />
                {word}
              </th>
              <td>{writeNumber(m3, 0)} m³</td>
              <td>{writeNumber((100 * m3) / supplied, 1)} %</td>
            </tr>
          ))}
          <tr>
            <th scope="row">{words.nonRevenue}</th>
            <td>{writeNumber(supplied - billed, 0)} m³</td>
            <td>{writeNumber((100 * (supplied - billed)) / supplied, 1)} %</td>
          </tr>
        </tbody>
      </table>
    </div>
  );
}

/** Which figures are told in which order, and how. */
function FigureList({ row }: { row: ZoneFigures }) {
  const words = text.value.leakage;
  const rates = row.rates.map((rate) => ({
    key: rate.basis as string,
    value: (
      <>
        <b>{writeNumber(rate.percent, 1)}</b> %{rate.basis === row.shown && <span class="tag">{words.shownRate}</span>}
        {rate.grade !== undefined && <span class="tag">{words.grade(rate.grade)}</span>}
      </>
    ),
    note: '',
  }));
  const lines: readonly { readonly key: string; readonly value: ComponentChildren; readonly note: string }[] = [
    volume('supplied', row.supplied),
    volume('registered', row.registered),
    ...rates,
    ...(rates.length === 0 ? [absent('rate')] : []),
    ...(row.missing.has('correctedRate') ? [absent('correctedRate')] : []),
    ...(row.missing.has('grade') ? [absent('grade')] : []),
    figure('nightFlow', row.nightFlow, 'm³/h', 2),
    figure('nightFlowPercentile', row.nightFlowPercentile, 'm³/h', 2),
    figure('legitimateNightUse', row.legitimateNightUse, 'm³/h', 2),
    figure('nightToDay', row.nightToDay, 'h', 1),
    figure('realLossByNight', row.realLossByNight, words.perDay, 0),
    figure('background', row.background, 'm³/h', 2),
    figure('pressure', row.pressure, 'm', 1),
    figure('uarl', row.uarl, words.perDay, 1),
    row.ili === undefined
      ? absent('ili')
      : {
          key: 'ili',
          value: (
            <>
              <b>{writeNumber(row.ili.value, 1)}</b>
              <span class="tag">{words.band(row.ili.band)}</span>
            </>
          ),
          note: [said(row.ili.basis ?? '', language.value), words.iliLimits].filter(Boolean).join(', '),
        },
  ].flatMap((line) => line ?? []);

  function absent(key: string) {
    const reason = row.missing.get(key);
    return reason === undefined
      ? undefined
      : { key, value: <span class="none">–</span>, note: said(reason, language.value) };
  }
  function figure(key: string, of: Figure | undefined, unit: string, decimals: number) {
    if (of === undefined) return absent(key);
    const { value, origin, basis = '' } = of;
    return {
      key,
      value: (
        <>
          {origin === 'measured' ? '' : '≈ '}
          <b>{writeNumber(value, decimals)}</b> {unit}
        </>
      ),
      note: [words.origin[origin] ?? origin, said(basis, language.value)].filter(Boolean).join(', '),
    };
  }
  function volume(key: string, of: Volume | undefined) {
    const shown = figure(key, of, 'm³', 0);
    if (of === undefined || shown === undefined) return shown;
    const { coverage, source, resets, doubtfulHours } = of;
    return {
      ...shown,
      note: [
        shown.note,
        words.source[source] ?? source,
        coverage < 0.995 ? words.suppliedCovered(`${Math.floor(coverage * 100)} %`) : '',
        resets > 0 ? words.resets(resets) : '',
        doubtfulHours > 0 ? words.doubtful(writeNumber(doubtfulHours, 1)) : '',
      ]
        .filter(Boolean)
        .join(', '),
    };
  }

  return (
    <dl class="figure-list">
      {lines.map(({ key, value, note }) => (
        <div key={key}>
          <dt>{words.figure[key] ?? key}</dt>
          <dd>{value}</dd>
          <dd class="faint">{note}</dd>
        </div>
      ))}
    </dl>
  );
}
