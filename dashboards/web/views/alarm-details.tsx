import { useEffect, useState } from 'preact/hooks';
import type { Alarm, JournalEntry } from '../../../contract/alarm.ts';
import {
  backgroundOf,
  explainedBy,
  lampOf,
  messageOf,
  responseOf,
  restOf,
  stepsOf,
  wantsPress,
  whatOf,
} from '../alarms.ts';
import { api } from '../api.ts';
import { writeAge } from '../format.ts';
import { type Leak, leakOf } from '../leak.ts';
import { isOnMap } from '../map/state.ts';
import { AlarmActions } from '../parts/alarm-actions.tsx';
import { figuresOf, placeOf, stateWord } from '../parts/alarm-row.tsx';
import { Glyph } from '../parts/glyph.tsx';
import { Icon } from '../parts/icon.tsx';
import { LeakChart } from '../parts/leak-chart.tsx';
import { LeakWhere } from '../parts/leak-place.tsx';
import { BothNames } from '../parts/name.tsx';
import { Trend } from '../parts/trend.tsx';
import { usePoint } from '../parts/value.tsx';
import { hrefOf } from '../route.ts';
import { alarms, language, mayOperate, now, preferences, returns, site, text } from '../state.ts';

export interface AlarmDetailsProps {
  readonly alarm: Alarm;
  readonly problem: string | undefined;
  readonly onPress: () => void;
  readonly phone: boolean;
}

/** What, where, since when, what to do; the evidence beside it; the journal below; the one press at the bottom. */
export function AlarmDetails({ alarm, problem, onPress, phone }: AlarmDetailsProps) {
  const words = text.value;
  const time = site.value;
  const { value, limit } = figuresOf(alarm);
  const point = usePoint(alarm.point ?? '');
  const message = messageOf(alarm, language.value);
  const steps = stepsOf(responseOf(alarm, language.value));
  const { cause, consequence } = backgroundOf(alarm, language.value);
  const leak = alarm.kind === 'leak' ? leakOf(alarm.evidence) : undefined;
  const consequences = explainedBy(alarm, alarms.value.values());
  const journal = useJournal(alarm);
  const pressable = wantsPress(alarm);
  const place = placeOf(alarm);
  return (
    <section class={`panel details${phone ? ' phone' : ''}`} aria-label={words.details}>
      {!phone && (
        <header class="panel-head">
          <h2>{words.details}</h2>
          <span class="scope id">{alarm.id}</span>
          <span class="space" />
          <a class="button icon-only quiet" href={hrefOf({ page: 'alarms' })} aria-label={words.close}>
            <Icon name="close" size={15} />
          </a>
        </header>
      )}
      <div class={`details-title ${phone ? `lamp-row-${lampOf(alarm)} priority-${alarm.priority}` : ''}`}>
        <Glyph priority={alarm.priority} lamp={lampOf(alarm)} size={phone ? 34 : 28} />
        <div>
          <h2 tabIndex={-1}>{whatOf(message)}</h2>
          <p>
            <BothNames {...place} />
            {isOnMap(alarm.asset) && (
              <a class="on-map" href={hrefOf({ page: 'overview', asset: alarm.asset })}>
                {words.map.show}
              </a>
            )}
          </p>
        </div>
        <span class="state-tag">{stateWord(alarm)}</span>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard, whatever is in it */}
      <div class="scroll details-body" tabIndex={0}>
        <p class="sentence">{restOf(message)}</p>
        {alarm.raisedLate && <p class="faint">{words.raisedLate}</p>}
        <div class="details-figures">
          {leak === undefined ? (
            <span>
              <b>{value === '' ? '–' : value}</b>
              <i>{limit === '' ? words.value : limit}</i>
            </span>
          ) : (
            <LeakSize leak={leak} />
          )}
          <span>
            <b>{writeAge(now.value - alarm.since, language.value)}</b>
            <i>
              {words.since}{' '}
              {time.day(alarm.since) === time.day(now.value) ? time.clock(alarm.since) : time.dayMinute(alarm.since)}
            </i>
          </span>
          {leak?.lostM3 === undefined ? (
            <span>
              <b>{words.priority(alarm.priority)}</b>
              <i>{words.priorityName[alarm.priority]}</i>
            </span>
          ) : (
            <span>
              <b>{leak.lostM3.toLocaleString('en-US')} m³</b>
              <i>{words.lostSoFar}</i>
            </span>
          )}
        </div>
        {alarm.explainedBy !== undefined && <Root rule={alarm.explainedBy} />}
        {leak !== undefined && <LeakChart leak={leak} since={alarm.since} raisedAt={alarm.raisedAt} />}
        {point !== undefined && <Trend key={point.id} point={point} height={phone ? '200px' : '190px'} />}
        <section class="details-part">
          <h3>
            {words.whatToDo}
            {alarm.timeToRespondMs !== undefined && <TimeToRespond alarm={alarm} />}
          </h3>
          {steps.length === 0 ? (
            <p class="faint">{words.noResponse}</p>
          ) : (
            <ol>
              {steps.map((step) => (
                <li key={step}>{step}</li>
              ))}
            </ol>
          )}
        </section>
        {(cause !== undefined || consequence !== undefined) && (
          <section class="details-part background">
            {cause !== undefined && (
              <p>
                <b>{words.cause}</b> {cause}
              </p>
            )}
            {consequence !== undefined && (
              <p>
                <b>{words.consequence}</b> {consequence}
              </p>
            )}
          </section>
        )}
        {leak !== undefined && (
          <section class="details-part">
            <h3>{words.leakage.where}</h3>
            <LeakWhere leak={leak} />
          </section>
        )}
        {consequences.length > 0 && <Consequences of={consequences} />}
        <section class="details-part">
          <h3>{words.timeline}</h3>
          {journal === 'failed' ? (
            <p class="faint">{words.noJournal}</p>
          ) : (
            <ul class="journal">
              {(journal ?? []).map((entry) => (
                <li key={`${entry.recordedAt} ${entry.event} ${entry.to}`}>
                  <span title={`${time.dayMinute(entry.at)} ${time.zone}`}>{time.clock(entry.at)}</span>
                  <b>
                    {words.events[entry.event] ?? entry.event}
                    {entry.why !== undefined && entry.why !== alarm.message && <em>{entry.why}</em>}
                  </b>
                  <i>{entry.who === 'system' ? words.system : entry.who}</i>
                </li>
              ))}
            </ul>
          )}
        </section>
      </div>
      <footer class="details-actions">
        {problem !== undefined && (
          <span class="problem" role="alert">
            {words.acknowledgeFailed(problem)}
          </span>
        )}
        {pressable && (
          <button
            type="button"
            class={`button primary${phone ? ' huge' : ''}`}
            disabled={!mayOperate.value}
            title={mayOperate.value ? undefined : words.needsOperator}
            onClick={onPress}
          >
            <Icon name="check" size={phone ? 22 : 16} />
            {words.acknowledge}
            {!phone && preferences.value.keys && <kbd>A</kbd>}
          </button>
        )}
        <AlarmActions alarm={alarm} />
        {point !== undefined && !phone && (
          <a class="button" href={hrefOf({ page: 'explore', point: point.id })}>
            {words.openTrend}
          </a>
        )}
      </footer>
    </section>
  );
}

/** How long people have, and what is left of it; counted while the alarm stands unanswered. */
function TimeToRespond({ alarm }: { alarm: Alarm }) {
  const words = text.value;
  const { timeToRespondMs = 0, raisedAt } = alarm;
  const within = words.respondWithin(writeAge(timeToRespondMs, language.value));
  const left = raisedAt + timeToRespondMs - now.value;
  const counts = alarm.state === 'unacknowledged' && alarm.holds.length === 0;
  return (
    <span class="respond">
      {within}
      {counts && (
        <b>
          {left > 0
            ? words.respondLeft(writeAge(left, language.value))
            : words.respondOver(writeAge(-left, language.value))}
        </b>
      )}
    </span>
  );
}

function LeakSize({ leak }: { leak: Leak }) {
  const figure = (value: number) => String(Number(value.toPrecision(3)));
  return (
    <span>
      <b>+{figure(leak.size)} m³/h</b>
      <i>
        {leak.interval === undefined
          ? text.value.aboveExpected
          : text.value.between(figure(leak.interval[0]), figure(leak.interval[1]))}
      </i>
    </span>
  );
}

/** Of a suppressed alarm: what explains it. */
function Root({ rule }: { rule: string }) {
  const words = text.value;
  const root = [...alarms.value.values()].find((alarm) => alarm.rule === rule);
  return (
    <p class="explained">
      {words.explainedBy}{' '}
      {root === undefined ? (
        rule
      ) : (
        <a href={hrefOf({ page: 'alarms', alarm: root.id })}>{whatOf(messageOf(root, language.value))}</a>
      )}
    </p>
  );
}

const CONSEQUENCES_SHOWN = 6;

/** Of a root alarm: what it explains. */
function Consequences({ of }: { of: readonly Alarm[] }) {
  const words = text.value;
  return (
    <section class="details-part">
      <h3>{words.explains(of.length)}</h3>
      <ul class="consequences">
        {of.slice(0, CONSEQUENCES_SHOWN).map((alarm) => (
          <li key={alarm.id}>
            <a href={hrefOf({ page: 'alarms', alarm: alarm.id })}>
              <Glyph priority={alarm.priority} lamp={lampOf(alarm)} size={16} />
              {whatOf(messageOf(alarm, language.value))}
              <span class="faint">{placeOf(alarm).name}</span>
            </a>
          </li>
        ))}
      </ul>
      {of.length > CONSEQUENCES_SHOWN && <p class="faint">{words.moreAlarms(of.length - CONSEQUENCES_SHOWN)}</p>}
    </section>
  );
}

/** The journal of an alarm; asked for again when the alarm changes, never on a timer. */
function useJournal(alarm: Alarm): readonly JournalEntry[] | 'failed' | undefined {
  const [journal, setJournal] = useState<readonly JournalEntry[] | 'failed' | undefined>(undefined);
  // ChangedAt moves when the journal has a new line
  useEffect(() => {
    const abort = new AbortController();
    api
      .journal(alarm.id, abort.signal)
      .then((entries) => setJournal(entries.filter((entry) => entry.alarm === alarm.id)))
      .catch(() => {
        if (!abort.signal.aborted) setJournal((before) => before ?? 'failed');
      });
    return () => abort.abort();
  }, [alarm.id, alarm.changedAt, alarm.state, returns.value]);
  return journal;
}
