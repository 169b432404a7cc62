import { useEffect, useState } from 'preact/hooks';
import type { Alarm } from '../../../contract/alarm.ts';
import { compareAlarms, lampOf, responseOf, stepsOf, whatOf } from '../alarms.ts';
import { api } from '../api.ts';
import { writeAge, writeNumber } from '../format.ts';
import { type Leak, leakOf } from '../leak.ts';
import type { LeakZone } from '../leakage.ts';
import { AlarmBrief, stateWord } from '../parts/alarm-row.tsx';
import { Glyph } from '../parts/glyph.tsx';
import { LeakChart } from '../parts/leak-chart.tsx';
import { LeakPipes, LeakSensors, LeakWhere } from '../parts/leak-place.tsx';
import { zoneName } from '../parts/name.tsx';
import { Empty, Panel, Skeleton } from '../parts/panel.tsx';
import { hrefOf } from '../route.ts';
import { alarms, language, loaded, now, returns, site, text } from '../state.ts';
import { said } from '../text/gateway-zh.ts';
import { useWide } from './layout.ts';

/** What exact rules say of customers' meters. */
const METER_KINDS = ['premises-leak', 'register-backwards', 'counter-reset', 'meter-stopped'];
const METERS_SHOWN = 3;

interface Incident {
  readonly alarm: Alarm;
  readonly leak: Leak;
}

/** Open leaks with their evidence and place; beside them what is over, and what customers' meters tell. */
export function LeakIncidents({ zones, zone }: { zones: readonly LeakZone[]; zone: string | undefined }) {
  const words = text.value.leakage;
  const [wanted, setWanted] = useState<string | undefined>(undefined);
  const all = [...alarms.value.values()];
  const open = all
    .filter(({ kind, holds }) => kind === 'leak' && holds.length === 0)
    .sort(compareAlarms)
    .flatMap(incidentOf);
  const known = usePast(open.map(({ alarm }) => `${alarm.id} ${alarm.state}`).join());
  const past = known ?? [];
  const meters = all
    .filter(({ kind, assetClass }) => METER_KINDS.includes(kind) && assetClass === 'water-meter')
    .sort(compareAlarms);
  const nameOf = (id: string | undefined) => (id === undefined ? '' : zoneName(zones, id));
  const shown =
    [...open, ...past].find(({ alarm }) => alarm.id === wanted) ??
    open.find(({ leak }) => zone !== undefined && leak.zone === zone) ??
    open[0];
  const watched = zones.filter(({ state }) => state === 'watching' || state === 'leak').length;
  const learning = zones.filter(({ state }) => state === 'learning').length;
  return (
    <div class={`leak-area${shown === undefined ? ' calm-area' : ''}`}>
      {shown === undefined ? (
        <Panel title={words.incidents} scope={loaded.value ? '0' : ''}>
          {!loaded.value ? (
            <Skeleton rows={2} />
          ) : (
            <Empty what={words.noLeak} {...(zones.length === 0 ? {} : { why: words.noLeakWhy(watched, learning) })} />
          )}
        </Panel>
      ) : (
        <LeakIncident
          key={shown.alarm.id}
          incident={shown}
          name={nameOf(shown.leak.zone)}
          isOpen={open.includes(shown)}
          others={open}
          nameOf={nameOf}
          onChoose={setWanted}
        />
      )}
      <div class="leak-aside">
        <Panel title={words.pastLeaks} scope={known === undefined ? '' : String(past.length)} class="past-leaks">
          {known === undefined ? (
            <Skeleton rows={2} />
          ) : past.length === 0 ? (
            <p class="faint quiet-line">{words.noPast}</p>
          ) : (
            <ul>
              {past.map(({ alarm, leak }) => (
                <li key={alarm.id}>
                  <button
                    type="button"
                    aria-pressed={alarm.id === shown?.alarm.id}
                    onClick={() => setWanted(alarm.id === wanted ? undefined : alarm.id)}
                  >
                    <span>
                      <b>{nameOf(leak.zone)}</b>
                      <span>
                        {leak.growing ? words.growing : words.sudden}, {writeNumber(leak.size, 1)} m³/h
                        {alarm.raisedLate ? `, ${words.lateNote}` : ''}
                      </span>
                    </span>
                    <span class="right">
                      <b>{site.value.dayMinute(alarm.since)}</b>
                      <span>
                        {alarm.returnedAt === undefined
                          ? ''
                          : words.closedAfter(writeAge(alarm.returnedAt - alarm.since, language.value))}
                      </span>
                    </span>
                  </button>
                </li>
              ))}
            </ul>
          )}
        </Panel>
        <Panel title={words.customers} scope={String(meters.length)} class="customer-meters">
          {meters.length === 0 ? (
            <p class="faint quiet-line">{words.noCustomers}</p>
          ) : (
            <ul class="brief-list">
              {meters.slice(0, METERS_SHOWN).map((alarm) => (
                <AlarmBrief key={alarm.id} alarm={alarm} />
              ))}
            </ul>
          )}
          {meters.length > METERS_SHOWN && (
            <a class="panel-foot" href={hrefOf({ page: 'alarms' })}>
              {text.value.moreAlarms(meters.length - METERS_SHOWN)}
            </a>
          )}
        </Panel>
      </div>
    </div>
  );
}

function incidentOf(alarm: Alarm): readonly Incident[] {
  const leak = leakOf(alarm.evidence);
  return leak === undefined ? [] : [{ alarm, leak }];
}

function LeakIncident(props: {
  readonly incident: Incident;
  readonly name: string;
  readonly isOpen: boolean;
  readonly others: readonly Incident[];
  readonly nameOf: (zone: string | undefined) => string;
  readonly onChoose: (alarm: string) => void;
}) {
  const { incident, name, isOpen, others, nameOf, onChoose } = props;
  const { alarm, leak } = incident;
  const words = text.value.leakage;
  const wide = useWide(1000);
  const steps = stepsOf(responseOf(alarm, language.value));
  const figure = (value: number) => String(Number(value.toPrecision(3)));
  const message = language.value === 'zh' ? (alarm.messageZh ?? alarm.message) : alarm.message;
  return (
    <section class="panel leak-incident" aria-label={words.incident} data-leak={alarm.id}>
      {others.length > 1 && (
        <nav class="leak-tabs" aria-label={words.incidents}>
          {others.map((other) => (
            <button
              key={other.alarm.id}
              type="button"
              class="chip"
              aria-pressed={other.alarm.id === alarm.id}
              onClick={() => onChoose(other.alarm.id)}
            >
              <Glyph priority={other.alarm.priority} lamp={lampOf(other.alarm)} size={16} />
              {nameOf(other.leak.zone)} +{figure(other.leak.size)}
            </button>
          ))}
        </nav>
      )}
      <header class="leak-head">
        <Glyph priority={alarm.priority} lamp={lampOf(alarm)} size={20} />
        <h2>{name}</h2>
        <span class="leak-what">{whatOf(message)}</span>
        <span class="space" />
        <span class="tag">{isOpen ? stateWord(alarm) : words.closed}</span>
        <span class="tag">
          {words.since} {site.value.dayMinute(alarm.since)}
        </span>
      </header>
      <div class="leak-parts">
        <div class="leak-evidence">
          <LeakChart leak={leak} since={alarm.since} raisedAt={alarm.raisedAt} height={wide ? 250 : 200} />
          <div class="leak-proof">
            <section>
              <h3>{words.howSure}</h3>
              <ul class="proof">
                {leak.score !== undefined && <li class="is-for">{words.sure(figure(leak.score))}</li>}
                {leak.basis !== undefined && <li class="is-for">{words.byBasis[leak.basis] ?? leak.basis}</li>}
                {(leak.otherOpenLeaks ?? 0) > 0 && <li>{words.besides(figure(leak.otherOpenLeaks as number))}</li>}
              </ul>
            </section>
            <section>
              <h3>{words.ruledOut}</h3>
              <ul class="proof">
                {leak.ruledOut.map((one) => (
                  <li key={one} class="is-out">
                    {said(one, language.value)}
                  </li>
                ))}
              </ul>
            </section>
          </div>
          {wide && <LeakSensors leak={leak} />}
        </div>
        <div class="leak-case">
          <div class="details-figures">
            <span>
              <b>{leak.lostM3 === undefined ? '–' : `${writeNumber(leak.lostM3, 0)} m³`}</b>
              <i>
                {isOpen ? words.lost : words.lostClosed}
                {leak.lostValue === undefined ? '' : `, ${words.worth(writeNumber(leak.lostValue, 0))}`}
              </i>
            </span>
            <span>
              <b>{figure(leak.size)} m³/h</b>
              <i>
                {leak.interval === undefined
                  ? words.rateNow
                  : words.between(figure(leak.interval[0]), figure(leak.interval[1]))}
              </i>
            </span>
            <span>
              <b>{writeAge((isOpen ? now.value : (alarm.returnedAt ?? now.value)) - alarm.since, language.value)}</b>
              <i>{isOpen ? words.sinceOnset : words.lasted}</i>
            </span>
          </div>
          <section class="details-part">
            <h3>{words.where}</h3>
            {leak.place === undefined && <p>{words.somewhereIn(name)}</p>}
            {wide ? <LeakPipes leak={leak} /> : <LeakWhere leak={leak} />}
          </section>
          {isOpen && (
            <section class="details-part">
              <h3>{text.value.whatToDo}</h3>
              <ol>
                {steps.map((step) => (
                  <li key={step}>{step}</li>
                ))}
              </ol>
            </section>
          )}
          {isOpen && (
            <a class="button primary" href={hrefOf({ page: 'alarms', alarm: alarm.id })}>
              {words.openAlarm}
            </a>
          )}
        </div>
      </div>
    </section>
  );
}

/** Leaks that are over, undefined until the gateway has answered; asked again when one opens or closes. */
function usePast(open: string): readonly Incident[] | undefined {
  const [past, setPast] = useState<readonly Incident[] | undefined>(undefined);
  useEffect(() => {
    const abort = new AbortController();
    api
      .pastLeaks(abort.signal)
      .then((found) => setPast(found.flatMap(incidentOf)))
      .catch(() => undefined);
    return () => abort.abort();
  }, [open, returns.value]);
  return past;
}
