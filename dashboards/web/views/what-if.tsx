import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { api } from '../api.ts';
import { writeAge, writeNumber } from '../format.ts';
import type { LeakZone, WhatIf, WhatIfAlarm } from '../leakage.ts';
import { zoneName } from '../parts/name.tsx';
import { Empty, Panel } from '../parts/panel.tsx';
import { language, mayOperate, now, problemOf, site, text } from '../state.ts';

const FACTORS = ['0.5', '0.75', '1.25', '1.5', '2', '3'] as const;
const DAYS = [14, 31, 90] as const;
const DAY_MS = 86_400_000;

/** An engineer tries another sensitivity on what was recorded: what rang beside what would have rung. */
export function WhatIfPanel({ zones, zone }: { zones: readonly LeakZone[]; zone: string | undefined }) {
  const words = text.value.leakage;
  const id = useId();
  const [factor, setFactor] = useState<string>('1.5');
  const [days, setDays] = useState(31);
  const [chosen, setChosen] = useState('');
  const [answer, setAnswer] = useState<{ readonly factor: string; readonly found: WhatIf } | undefined>(undefined);
  const [problem, setProblem] = useState<string | undefined>(undefined);
  const [isAsking, setAsking] = useState(false);
  const asked = useRef<AbortController | undefined>(undefined);
  useEffect(() => setChosen(zone ?? ''), [zone]);
  useEffect(() => () => asked.current?.abort(), []);
  const nameOf = (of: string) => zoneName(zones, of);

  const run = async () => {
    asked.current?.abort();
    const abort = new AbortController();
    asked.current = abort;
    setAsking(true);
    setProblem(undefined);
    try {
      const to = now.peek();
      const found = await api.whatIf(
        {
          sensitivity: Number(factor),
          from: Math.round(to - days * DAY_MS),
          to: Math.round(to),
          ...(chosen === '' ? {} : { zone: chosen }),
        },
        abort.signal,
      );
      if (found !== undefined) setAnswer({ factor, found });
    } catch (error) {
      if (!abort.signal.aborted) setProblem(problemOf(error));
    } finally {
      if (!abort.signal.aborted) setAsking(false);
    }
  };

  return (
    <Panel title={words.whatIf} scope={words.whatIfWhy} class="what-if">
      <form
        class="what-if-form"
        onSubmit={(event) => {
          event.preventDefault();
          void run();
        }}
      >
        <label for={`${id}f`}>{words.sensitivity}</label>
        <select id={`${id}f`} value={factor} onChange={(event) => setFactor(event.currentTarget.value)}>
          {FACTORS.map((one) => (
            <option key={one} value={one}>
              {words.times(one)}
            </option>
          ))}
        </select>
        <select
          aria-label={text.value.timeRange}
          value={String(days)}
          onChange={(event) => setDays(Number(event.currentTarget.value))}
        >
          {DAYS.map((one) => (
            <option key={one} value={String(one)}>
              {words.lastDays(one)}
            </option>
          ))}
        </select>
        <select aria-label={words.zone} value={chosen} onChange={(event) => setChosen(event.currentTarget.value)}>
          <option value="">{words.allZones}</option>
          {zones.map((one) => (
            <option key={one.zone} value={one.zone}>
              {nameOf(one.zone)}
            </option>
          ))}
        </select>
        <button
          type="submit"
          class="button small"
          disabled={isAsking || !mayOperate.value}
          title={mayOperate.value ? undefined : text.value.needsOperator}
        >
          {words.run}
        </button>
        <span class="faint" role="status">
          {isAsking ? words.running2 : words.keener}
        </span>
      </form>
      {problem !== undefined && (
        <p class="problem" role="alert">
          {words.whatIfFailed(problem)}
        </p>
      )}
      {answer !== undefined && <Answer answer={answer.found} factor={answer.factor} nameOf={nameOf} />}
    </Panel>
  );
}

function Answer({ answer, factor, nameOf }: { answer: WhatIf; factor: string; nameOf: (zone: string) => string }) {
  const words = text.value.leakage;
  const { rows, learning } = answer;
  return (
    <>
      {learning.length > 0 && <p class="faint quiet-line">{words.stillLearning(learning.map(nameOf).join(', '))}</p>}
      {rows.length === 0 ? (
        <Empty what={words.nothingRings} />
      ) : (
        <div class="scroll" tabIndex={-1}>
          <table class="zone-table what-if-table">
            <thead>
              <tr>
                <th scope="col">{words.zone}</th>
                <th scope="col">
                  {words.asSet} <span>{words.rings(answer.usual)}</span>
                </th>
                <th scope="col">
                  {words.withFactor(factor)} <span>{words.rings(answer.changed)}</span>
                </th>
                <th scope="col" />
              </tr>
            </thead>
            <tbody>
              {rows.map(({ usual, changed }) => (
                <tr key={`${usual?.raisedAt} ${changed?.raisedAt}`}>
                  <td>{nameOf((usual ?? changed)?.zone ?? '')}</td>
                  <td>
                    <Ring alarm={usual} />
                  </td>
                  <td>
                    <Ring alarm={changed} />
                  </td>
                  <td>{differenceOf(usual, changed)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}

function Ring({ alarm }: { alarm: WhatIfAlarm | undefined }) {
  const words = text.value.leakage;
  if (alarm === undefined) return <span class="faint">{words.notRung}</span>;
  return (
    <>
      {site.value.dayMinute(alarm.raisedAt)}
      <small>
        {alarm.kind === 'slow' ? words.growing : words.sudden}, {writeNumber(alarm.sizeM3PerH, 1)} m³/h
      </small>
    </>
  );
}

function differenceOf(usual: WhatIfAlarm | undefined, changed: WhatIfAlarm | undefined): string {
  const words = text.value.leakage;
  if (usual === undefined) return words.onlyNew;
  if (changed === undefined) return words.notRung;
  const sooner = usual.raisedAt - changed.raisedAt;
  if (sooner === 0) return words.same;
  const span = writeAge(Math.abs(sooner), language.value);
  return sooner > 0 ? words.sooner(span) : words.later2(span);
}
