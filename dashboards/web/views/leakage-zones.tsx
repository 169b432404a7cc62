import { lampOf, worstAlarm } from '../alarms.ts';
import { writeNumber } from '../format.ts';
import { type Figures, isRunning, type LeakZone, rateShown, realLossOf, type ZoneFigures } from '../leakage.ts';
import { Glyph } from '../parts/glyph.tsx';
import { zoneName } from '../parts/name.tsx';
import { Panel } from '../parts/panel.tsx';
import { PeriodBars } from '../parts/period-bars.tsx';
import { hrefOf } from '../route.ts';
import { alarms, language, now, site, text } from '../state.ts';
import { said } from '../text/gateway-zh.ts';
import type { Chosen } from './leakage.tsx';
import { lastNightOf, sumOf } from './leakage-cards.tsx';

const NO_FIGURES: Figures = { zones: [], network: [] };

/** Every zone with what it is at and its headlines; choosing one shows all of its figures. */
export function LeakageZones(props: {
  readonly figures?: Figures;
  /** Undefined: not known yet. */
  readonly zones: readonly LeakZone[] | undefined;
  /** The one that was chosen. */
  readonly zone: string | undefined;
  readonly chosen?: Chosen;
  /** The figures are being computed: what each zone is at, and its last night, are known already. */
  readonly isComing?: boolean;
}) {
  const { figures = NO_FIGURES, zones = [], zone: chosenZone, chosen, isComing = false } = props;
  const words = text.value.leakage;
  const rows = figures.zones.filter(({ period }) => period === chosen?.label);
  const network = figures.network.find(({ period }) => period === chosen?.label);
  const real = sumOf(rows, (one) => realLossOf(one)?.m3PerDay);
  return (
    <Panel title={words.perZone} scope={isComing ? words.isComing : words.perZoneHint} class="zone-panel">
      <div class="scroll" tabIndex={-1}>
        <table class="zone-table">
          <thead>
            <tr>
              <th scope="col" class="col-zone">
                {words.zone}
              </th>
              <th scope="col" class="right">
                {words.columns.supplied} <span>m³</span>
              </th>
              <th scope="col" class="right">
                {words.columns.rate} <span>%</span>
              </th>
              <th scope="col" class="right">
                {words.columns.nightFlow} <span>m³/h</span>
              </th>
              <th scope="col" class="col-shape">
                <span>{words.columns.shape}</span>
              </th>
              <th scope="col" class="right">
                {words.columns.loss} <span>{words.perDay}</span>
              </th>
              <th scope="col" class="right col-ili">
                {words.columns.ili}
              </th>
            </tr>
          </thead>
          <tbody>
            <tr class={chosenZone === undefined ? 'selected' : ''}>
              <td class="col-zone">
                <a href={hrefOf({ page: 'leakage' })} aria-current={chosenZone === undefined ? 'true' : undefined}>
                  <b>{words.wholeNetwork}</b>
                </a>
                <span class="faint">{words.zones(zones.length)}</span>
              </td>
              <Cell value={network?.suppliedM3} decimals={0} />
              <Cell value={network?.rate?.percent} decimals={1} />
              <Cell
                value={isComing ? lastNightOf(zones) : sumOf(rows, ({ nightFlow }) => nightFlow?.value)}
                decimals={1}
              />
              <td class="col-shape" />
              <Cell value={real} decimals={0} />
              <td class="col-ili" />
            </tr>
            {zones.map((zone) => (
              <ZoneRow
                key={zone.zone}
                zone={zone}
                figures={figures}
                row={rows.find((one) => one.zone === zone.zone)}
                chosen={chosen}
                isChosen={zone.zone === chosenZone}
                isComing={isComing}
              />
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

function ZoneRow(props: {
  readonly zone: LeakZone;
  readonly figures: Figures;
  readonly row: ZoneFigures | undefined;
  readonly chosen: Chosen | undefined;
  readonly isChosen: boolean;
  readonly isComing: boolean;
}) {
  const { zone, figures, row, chosen, isChosen, isComing } = props;
  const words = text.value.leakage;
  const worst = worstAlarm(
    [...alarms.value.values()].filter(
      ({ kind, evidence, asset }) => kind === 'leak' && (evidence.zone === zone.zone || asset === zone.zone),
    ),
  );
  const rate = row && rateShown(row);
  const real = row && realLossOf(row);
  const bars = (chosen?.labels ?? []).map((label) => ({
    label,
    value: figures.zones.find((one) => one.zone === zone.zone && one.period === label)?.nightFlow?.value,
    running: isRunning(figures.zones, label, now.value),
  }));
  const reason = (figure: string) => {
    const why = row?.missing.get(figure);
    return why === undefined ? undefined : said(why, language.value);
  };
  return (
    <tr class={isChosen ? 'selected' : ''}>
      <td class="col-zone">
        <a href={hrefOf({ page: 'leakage', zone: zone.zone })} aria-current={isChosen ? 'true' : undefined}>
          {worst !== undefined && <Glyph priority={worst.priority} lamp={lampOf(worst)} size={16} />}
          <b>{zoneName([zone], zone.zone)}</b>
        </a>
        <ZoneStateWord zone={zone} />
      </td>
      <td class="right">
        {row?.supplied === undefined ? (
          <span class="none" title={reason('supplied')}>
            –
          </span>
        ) : (
          <>
            {row.supplied.origin === 'measured' ? '' : '≈ '}
            {writeNumber(row.supplied.value, 0)}
          </>
        )}
      </td>
      <td class="right">
        {rate === undefined ? (
          <span class="none" title={reason('rate')}>
            –
          </span>
        ) : (
          <>
            {writeNumber(rate.percent, 1)}
            <small>{rate.grade === undefined ? words.rateBasis[rate.basis] : words.grade(rate.grade)}</small>
          </>
        )}
      </td>
      <Cell
        value={isComing ? zone.nightFlow : row?.nightFlow?.value}
        decimals={1}
        why={isComing ? undefined : reason('nightFlow')}
      />
      <td class="col-shape">
        <PeriodBars bars={bars} chosen={chosen?.label} width={96} height={24} label={words.columns.nightFlow} />
      </td>
      <td class="right">
        {real === undefined ? (
          <span class="none" title={reason('realLossByNight')}>
            –
          </span>
        ) : (
          <>
            {real.by === 'night' ? '≈ ' : ''}
            {writeNumber(real.m3PerDay, 0)}
            <small>{words.realBy[real.by]}</small>
          </>
        )}
      </td>
      <td class="right col-ili">
        {row?.ili === undefined ? (
          <span class="none" title={reason('ili')}>
            –
          </span>
        ) : (
          <>
            {writeNumber(row.ili.value, 1)}
            <small>{words.band(row.ili.band)}</small>
          </>
        )}
      </td>
    </tr>
  );
}

function Cell({ value, decimals, why }: { value: number | undefined; decimals: number; why?: string | undefined }) {
  return (
    <td class="right">
      {value === undefined ? (
        <span class="none" title={why}>
          –
        </span>
      ) : (
        writeNumber(value, decimals)
      )}
    </td>
  );
}

/** What the search for leaks is at in a zone: learning with the days left, watching, silent, or without a balance. */
function ZoneStateWord({ zone }: { zone: LeakZone }) {
  const words = text.value.leakage;
  const { state, daysLeft, silent, reason, at } = zone;
  if (state === 'learning') return <span class="zone-state">{words.daysLeft(Math.max(1, Math.ceil(daysLeft)))}</span>;
  if (reason !== undefined) return <span class="zone-state">{said(reason, language.value)}</span>;
  if (silent.length > 0)
    return (
      <span class="zone-state" title={silent.join(', ')}>
        {words.silentPoints(silent.length)}
      </span>
    );
  return (
    <span class="zone-state" title={at === undefined ? undefined : words.balancedUntil(site.value.dayMinute(at))}>
      {words.stateName[state]}
    </span>
  );
}
