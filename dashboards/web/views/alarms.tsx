import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Alarm, AlarmHold, AlarmState } from '../../../contract/alarm.ts';
import { compareAlarms, lampOf, wantsPress } from '../alarms.ts';
import { api } from '../api.ts';
import { isOnMap } from '../map/state.ts';
import { AlarmBrief, placeOf } from '../parts/alarm-row.tsx';
import { Icon } from '../parts/icon.tsx';
import { isForPage } from '../parts/keys.ts';
import { Empty, Skeleton } from '../parts/panel.tsx';
import type { Flood } from '../performance.ts';
import { silence } from '../ringing.ts';
import { hrefOf } from '../route.ts';
import { acknowledge, alarms, floodNews, loaded, mayOperate, preferences, returns, text } from '../state.ts';
import { AlarmDetails } from './alarm-details.tsx';
import { AlarmTable, ConsoleKeys, toggled } from './alarm-table.tsx';
import { AlarmTabs } from './alarm-tabs.tsx';
import { Frame } from './frame.tsx';
import { useWide } from './layout.ts';
import { FloodsNow } from './performance-parts.tsx';

type Filter = AlarmState | AlarmHold;
const FILTERS: readonly Filter[] = ['unacknowledged', 'rtn-unacknowledged', 'acknowledged'];
/** What is held has a filter only while there is some. */
const HELD: readonly Filter[] = ['shelved', 'suppressed', 'out-of-service'];

/** The alarm console: the list at the left, what to do at the right, everything by keyboard. */
export function Alarms({ id }: { id: string | undefined }) {
  const words = text.value;
  const [wanted, setWanted] = useState('');
  const [state, setState] = useState<Filter | undefined>(undefined);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [cursor, setCursor] = useState<string | undefined>(id);
  const [problem, setProblem] = useState<string | undefined>(undefined);
  const wide = useWide(1000);
  const all = [...alarms.value.values()].filter((alarm) => lampOf(alarm) !== 'none').sort(compareAlarms);
  const shown = all.filter((alarm) => fits(alarm, state, wanted));
  const chosen = [...selected].filter((alarm) => alarms.value.has(alarm));
  const opened = id === undefined ? undefined : alarms.value.get(id);
  const floods = useFloods();
  const search = useRef<HTMLInputElement>(null);
  /** The details were opened by keyboard and take the focus as soon as they are there. */
  const toDetails = useRef(false);

  const press = async (ids: readonly string[]) => {
    const open = ids.filter((one) => {
      const alarm = alarms.value.get(one);
      return alarm !== undefined && wantsPress(alarm);
    });
    if (open.length === 0 || !mayOperate.value) return;
    setProblem(await acknowledge(open));
    setSelected(new Set());
  };
  const showAll = () => {
    setWanted('');
    setState(undefined);
  };
  // Before the next key can come, not after the next paint.
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (!isForPage(event)) return;
      const within = (selector: string) => event.target instanceof Element && event.target.closest(selector) !== null;
      const index = shown.findIndex((alarm) => alarm.id === cursor);
      const letters = preferences.value.keys;
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      // In the details arrows scroll; a row's own link is the row.
      const isElsewhere = within('button, a, summary, .details') && !within('tr[data-alarm]');
      if ((key === 'ArrowDown' || key === 'ArrowUp') && !within('.details')) {
        const next =
          shown[index < 0 ? 0 : Math.min(shown.length - 1, Math.max(0, index + (key === 'ArrowDown' ? 1 : -1)))];
        if (next === undefined) return;
        if (event.shiftKey) setSelected(new Set([...selected, ...(cursor === undefined ? [] : [cursor]), next.id]));
        setCursor(next.id);
        focusRow(next.id);
      } else if (key === ' ' && cursor !== undefined && !isElsewhere && !within('input'))
        setSelected(toggled(selected, cursor));
      else if (key === 'Enter' && cursor !== undefined && !isElsewhere) {
        location.hash = hrefOf({ page: 'alarms', alarm: cursor });
        toDetails.current = true;
        if (cursor === id) enterDetails(toDetails);
      } else if (key === 'Escape') {
        if (selected.size > 0) setSelected(new Set());
        else if (id !== undefined) {
          location.hash = hrefOf({ page: 'alarms' });
          focusRow(id);
        }
      } else if (letters && key === 'a') {
        void press(chosen.length > 0 ? chosen : [cursor ?? id ?? '']);
      } else if (letters && key === 's') silence();
      else if (letters && key === 'm') showOnMap(alarms.value.get(cursor ?? id ?? ''));
      else if (letters && key === '/') search.current?.focus();
      else return;
      event.preventDefault();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  });
  useEffect(() => {
    if (id !== undefined) setCursor(id);
    enterDetails(toDetails);
  }, [id]);
  // An alarm that left the list hands the cursor to the one in its place, and the focus where it had it.
  const place = useRef(0);
  const index = shown.findIndex((alarm) => alarm.id === cursor);
  useEffect(() => {
    if (index >= 0) place.current = index;
    else if (cursor !== undefined && cursor !== id) {
      const next = shown[Math.min(place.current, shown.length - 1)];
      setCursor(next?.id);
      if (next !== undefined && document.activeElement === document.body) focusRow(next.id);
    }
  }, [index, cursor]);

  const title = <b>{words.alarms}</b>;
  if (!wide && opened !== undefined)
    return (
      <Frame
        title={
          <a class="crumb-back" href={hrefOf({ page: 'alarms' })}>
            <Icon name="left" size={20} />
            <b>{words.alarms}</b>
          </a>
        }
        ranged={false}
      >
        <AlarmDetails key={opened.id} alarm={opened} problem={problem} onPress={() => press([opened.id])} phone />
      </Frame>
    );
  return (
    <Frame title={title} ranged={false}>
      <div class="console">
        <section class="panel alarm-table" aria-label={words.openAlarms}>
          <div class="console-tabs">
            <AlarmTabs at="alarms" open={all.filter(({ holds }) => holds.length === 0).length} />
          </div>
          <FloodsNow floods={floods} />
          <div class="filters">
            <label class="search">
              <Icon name="search" size={15} />
              <span class="unseen">{words.filterAlarms}</span>
              <input
                ref={search}
                type="search"
                placeholder={words.filterAlarms}
                value={wanted}
                onInput={(event) => setWanted(event.currentTarget.value)}
              />
              {wide && preferences.value.keys && <kbd>/</kbd>}
            </label>
            {[...FILTERS, ...HELD.filter((one) => all.some((alarm) => isOf(alarm, one)))].map((one) => (
              <button
                key={one}
                type="button"
                class="chip"
                aria-pressed={state === one}
                onClick={() => setState(state === one ? undefined : one)}
              >
                {words.state[one]} <b>{all.filter((alarm) => isOf(alarm, one)).length}</b>
              </button>
            ))}
            <span class="space" />
            {problem !== undefined && (
              <span class="problem" role="alert">
                {words.acknowledgeFailed(problem)}
              </span>
            )}
            {chosen.length > 0 && (
              <button
                type="button"
                class="button primary"
                disabled={!mayOperate.value}
                title={mayOperate.value ? undefined : words.needsOperator}
                onClick={() => void press(chosen)}
              >
                {words.acknowledgeCount(chosen.length)}
              </button>
            )}
          </div>
          {!loaded.value ? (
            <Skeleton rows={6} height={34} />
          ) : shown.length === 0 ? (
            <Empty
              what={all.length === 0 ? words.noAlarms : words.noAlarmsFilter}
              {...(all.length === 0 ? { why: words.noAlarmsWhy } : {})}
            >
              {all.length > 0 && (
                <button type="button" class="button small" onClick={showAll}>
                  {words.showAll}
                </button>
              )}
            </Empty>
          ) : wide ? (
            <AlarmTable
              shown={shown}
              selected={selected}
              current={cursor ?? id}
              onSelect={setSelected}
              onFocus={setCursor}
            />
          ) : (
            <ul class="brief-list">
              {shown.map((alarm) => (
                <AlarmBrief key={alarm.id} alarm={alarm} />
              ))}
            </ul>
          )}
          {wide && <ConsoleKeys shown={shown.length} all={all.length} />}
        </section>
        {wide &&
          (opened === undefined ? (
            <section class="panel details" aria-label={words.details}>
              <header class="panel-head">
                <h2>{words.details}</h2>
              </header>
              <Empty what={words.selectAlarm} />
            </section>
          ) : (
            <AlarmDetails
              key={opened.id}
              alarm={opened}
              problem={problem}
              onPress={() => press([opened.id])}
              phone={false}
            />
          ))}
      </div>
    </Frame>
  );
}

/** Goes to where the alarm's asset lies; stays where it is when nobody knows that. */
function showOnMap(alarm: Alarm | undefined): void {
  if (alarm !== undefined && isOnMap(alarm.asset)) location.hash = hrefOf({ page: 'overview', asset: alarm.asset });
}

/** A hold counts before the state underneath. */
function isOf(alarm: Alarm, filter: Filter): boolean {
  const [hold] = alarm.holds;
  return hold === undefined ? alarm.state === filter : hold === filter;
}

/** What a root explains stands under its root, not in the list: forty lamps without power are one line. */
function fits(alarm: Alarm, filter: Filter | undefined, wanted: string): boolean {
  if (filter === undefined ? alarm.holds.includes('suppressed') : !isOf(alarm, filter)) return false;
  const needle = wanted.trim().toLowerCase();
  if (needle === '') return true;
  const { name, other } = placeOf(alarm);
  return `${alarm.message} ${alarm.messageZh ?? ''} ${alarm.asset} ${alarm.point ?? ''} ${alarm.location ?? ''} ${alarm.kind} ${name} ${other ?? ''}`
    .toLowerCase()
    .includes(needle);
}

/** The row's link carries the focus of its row: what it says is what a screen reader reads. */
function focusRow(alarm: string): void {
  const row = document.getElementById(`alarm-${alarm}`);
  row?.querySelector('a')?.focus({ preventScroll: true });
  row?.scrollIntoView({ block: 'nearest' });
}

function enterDetails(wanted: { current: boolean }): void {
  if (!wanted.current) return;
  wanted.current = false;
  document.querySelector<HTMLElement>('.details h2[tabindex]')?.focus();
}

/** Floods that go on. Asked for when the feed tells of one, or an alarm was raised in one or left the list; never by the clock. */
function useFloods(): readonly Flood[] {
  const [floods, setFloods] = useState<readonly Flood[]>([]);
  const flooded = [...alarms.value.values()].filter(({ flood }) => flood !== undefined);
  const key = `${floodNews.value} ${flooded.length} ${returns.value}`;
  useEffect(() => {
    const abort = new AbortController();
    api
      .floods(abort.signal)
      .then(setFloods)
      // The list is what counts; without it there is no line above it.
      .catch(() => undefined);
    return () => abort.abort();
  }, [key]);
  return floods;
}
