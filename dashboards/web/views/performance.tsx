import { useEffect, useState } from 'preact/hooks';
import { api } from '../api.ts';
import { writeAge, writeNumber } from '../format.ts';
import { Icon } from '../parts/icon.tsx';
import { Empty, Failure, Panel, Skeleton } from '../parts/panel.tsx';
import { SlotChart } from '../parts/slot-chart.tsx';
import type { Figures, Performance, Spread, Target } from '../performance.ts';
import { believed, language, now, problemOf, site, text } from '../state.ts';
import { said } from '../text/gateway-zh.ts';
import { AlarmTabs } from './alarm-tabs.tsx';
import { Frame } from './frame.tsx';
import { useWhenBack } from './layout.ts';
import {
  AdvicePanel,
  FloodPanel,
  GroupPanel,
  PeoplePanel,
  PriorityPanel,
  StalePanel,
  TopTen,
} from './performance-parts.tsx';

const RANGES = { '24h': 86_400_000, '7d': 604_800_000, '30d': 2_592_000_000, '90d': 7_776_000_000 } as const;
type RangeName = keyof typeof RANGES;

/** How well the alarms can be worked with: every figure against its target, and what to do about the worst. */
export function AlarmPerformance() {
  const words = text.value.performance;
  const [range, setRange] = useState<RangeName>('7d');
  const [group, setGroup] = useState('');
  const { found, problem, isAsking, again } = usePerformance(range);
  const groups = found?.groups ?? [];
  const figures: Figures | undefined = groups.find((one) => one.group === group) ?? found;
  return (
    <Frame title={<b>{text.value.alarms}</b>} ranged={false}>
      <div class="performance">
        <div class="performance-bar">
          <AlarmTabs at="performance" />
          <span class="space" />
          <span class="faint" role="status">
            {isAsking ? words.computing : ''}
          </span>
          {groups.length > 1 && (
            <select
              class="select-small"
              aria-label={words.group}
              value={group}
              onChange={(event) => setGroup(event.currentTarget.value)}
            >
              <option value="">{words.everyone}</option>
              {groups.map((one) => (
                <option key={one.group} value={one.group}>
                  {said(one.group, language.value)}
                </option>
              ))}
            </select>
          )}
          <fieldset class="choice-small">
            <legend class="unseen">{text.value.timeRange}</legend>
            {(Object.keys(RANGES) as RangeName[]).map((one) => (
              <label key={one}>
                <input type="radio" name="range" checked={one === range} onChange={() => setRange(one)} />
                <span>{words.ranges[one]}</span>
              </label>
            ))}
          </fieldset>
          <button type="button" class="button small quiet icon-only" aria-label={text.value.tryAgain} onClick={again}>
            <Icon name="again" size={13} />
          </button>
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
        {found === undefined || figures === undefined ? (
          problem === undefined && (
            <div class="panel">
              <Skeleton rows={8} height={34} />
            </div>
          )
        ) : (
          <Found found={found} figures={figures} />
        )}
      </div>
    </Frame>
  );
}

function Found({ found, figures }: { found: Performance; figures: Figures }) {
  const words = text.value.performance;
  const met = figures.targets.filter((target) => target.met).length;
  return (
    <>
      <div class="cards">
        <Headline
          title={words.rate}
          value={writeNumber(figures.perTenMinutes, 2)}
          under={words.steady}
          target={figures.targets.find(({ name }) => name === 'mean per 10 minutes')}
        />
        <Headline
          title={words.upset}
          value={writeNumber(figures.upset, 1)}
          under={`${words.upsetWhy}, ${words.peak(figures.peakTenMinutes)}`}
          target={figures.targets.find(({ name }) => name === 'busiest 10 minutes of a day')}
        />
        <Headline
          title={words.floods}
          value={writeNumber(figures.floodCount, 0)}
          under={words.floodTime(percent(figures.shareOfTimeInFlood))}
          target={figures.targets.find(({ name }) => name === 'share of time in flood')}
        />
        <Time title={words.toAcknowledge} spread={figures.timeToAcknowledge} />
        <Time title={words.toNormal} spread={figures.timeToNormal} />
      </div>
      {found.raised === 0 && (
        <div class="panel whole">
          <Empty what={words.none} why={words.noneWhy} />
        </div>
      )}
      <Panel
        class="slots-panel"
        title={words.overTime}
        scope={words.overTimeHint}
        aside={<span class="faint">{`${site.value.dayMinute(found.from)} – ${site.value.dayMinute(found.to)}`}</span>}
      >
        <SlotChart found={found} />
      </Panel>
      <div class="performance-body">
        <Panel title={words.targets} scope={words.targetsMet(met, figures.targets.length)} class="targets">
          <div class="scroll" tabIndex={-1}>
            <TargetTable targets={figures.targets} />
          </div>
        </Panel>
        <div class="performance-side">
          <PriorityPanel figures={figures} />
          <TopTen rules={found.topTen} />
        </div>
      </div>
      <div class="performance-three">
        <AdvicePanel title={words.chattering} why={words.chatteringWhy} rules={found.chattering} />
        <AdvicePanel title={words.fleeting} why={words.fleetingWhy} rules={found.fleeting} />
        <StalePanel stale={found.stale} />
      </div>
      <div class="performance-three">
        <FloodPanel floods={found.floods} count={found.floodCount} />
        <PeoplePanel operators={found.operators} />
        {found.groups.length > 1 && <GroupPanel groups={found.groups} />}
      </div>
    </>
  );
}

function Headline(props: {
  readonly title: string;
  readonly value: string;
  readonly under: string;
  readonly target: Target | undefined;
}) {
  const { title, value, under, target } = props;
  const words = text.value.performance;
  return (
    <section class="panel stat headline" aria-label={title}>
      <header class="stat-head">
        <span class="stat-title">{title}</span>
        {target !== undefined && <span class="stat-aside">{words.ofTarget(said(target.target, language.value))}</span>}
      </header>
      <div class="stat-value">
        <span class="value">
          <span class="digits">{value}</span>
        </span>
        {target !== undefined && <Verdict met={target.met} />}
      </div>
      <span class="faint">{under}</span>
    </section>
  );
}

function Time({ title, spread }: { title: string; spread: Spread }) {
  const words = text.value.performance;
  const { count, medianMs, p90Ms, maxMs } = spread;
  const age = (ms: number) => writeAge(ms, language.value);
  return (
    <section class="panel stat headline" aria-label={title}>
      <header class="stat-head">
        <span class="stat-title">{title}</span>
        <span class="stat-aside">{words.median}</span>
      </header>
      <div class="stat-value">
        <span class={`value${count === 0 ? ' is-none' : ''}`}>
          <span class="digits">{medianMs === undefined ? '–' : age(medianMs)}</span>
        </span>
      </div>
      <span class="faint">
        {[p90Ms === undefined ? '' : words.p90(age(p90Ms)), maxMs === undefined ? '' : words.longest(age(maxMs))]
          .filter(Boolean)
          .join(', ')}
      </span>
    </section>
  );
}

/** Shape and word, no colour: a figure that misses its target is no alarm. */
export function Verdict({ met }: { met: boolean }) {
  const words = text.value.performance;
  return <span class={`verdict ${met ? 'is-met' : 'is-missed'}`}>{met ? words.met : words.notMet}</span>;
}

function TargetTable({ targets }: { targets: readonly Target[] }) {
  const words = text.value.performance;
  return (
    <table class="zone-table target-table">
      <thead>
        <tr>
          <th scope="col">{words.figure}</th>
          <th scope="col" class="right">
            {words.value}
          </th>
          <th scope="col">{words.target}</th>
          <th scope="col" />
          <th scope="col" class="col-source">
            {words.sourceColumn}
          </th>
        </tr>
      </thead>
      <tbody>
        {targets.map((target) => (
          <tr key={target.name}>
            <th scope="row">{said(target.name, language.value)}</th>
            <td class="right">
              <b>{figureOf(target)}</b>
            </td>
            <td>{said(target.target, language.value)}</td>
            <td>
              <Verdict met={target.met} />
            </td>
            <td class="col-source faint">{said(target.source, language.value)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Shares come as parts of one. */
function figureOf({ name, value }: Target): string {
  if (name.startsWith('share')) return percent(value);
  return Number.isInteger(value) ? writeNumber(value, 0) : writeNumber(value, value < 10 ? 2 : 1);
}

export const percent = (share: number): string => `${writeNumber(100 * share, share > 0 && share < 0.1 ? 1 : 0)} %`;

function usePerformance(range: RangeName) {
  const [known, setKnown] = useState<{ range: RangeName; found: Performance } | undefined>(undefined);
  const [problem, setProblem] = useState<string | undefined>(undefined);
  const [isAsking, setAsking] = useState(false);
  const [round, setRound] = useState(0);
  useEffect(() => {
    const abort = new AbortController();
    const to = now.peek();
    setAsking(true);
    setProblem(undefined);
    api
      .performance({ from: to - RANGES[range], to }, abort.signal)
      .then((found) => {
        if (found !== undefined) setKnown({ range, found });
      })
      .catch((error: unknown) => {
        if (!abort.signal.aborted) setProblem(problemOf(error));
      })
      .finally(() => {
        if (!abort.signal.aborted) setAsking(false);
      });
    return () => abort.abort();
  }, [range, round]);
  useWhenBack(() => problem !== undefined && setRound(round + 1));
  return { found: known?.found, problem, isAsking, again: () => setRound(round + 1) };
}
