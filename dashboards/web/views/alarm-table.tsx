import type { Alarm } from '../../../contract/alarm.ts';
import { lampOf, messageOf, whatOf } from '../alarms.ts';
import { writeAge } from '../format.ts';
import { alarmRowClass, figuresOf, placeOf, raisedWord, stateWord } from '../parts/alarm-row.tsx';
import { Glyph } from '../parts/glyph.tsx';
import { Icon } from '../parts/icon.tsx';
import { className } from '../parts/name.tsx';
import { hrefOf } from '../route.ts';
import { language, now, preferences, site, text } from '../state.ts';

interface AlarmTableProps {
  readonly shown: readonly Alarm[];
  /** Ids that are ticked. */
  readonly selected: ReadonlySet<string>;
  /** Id of the row the keys work on. */
  readonly current: string | undefined;
  readonly onSelect: (selected: ReadonlySet<string>) => void;
  readonly onFocus: (alarm: string) => void;
}

/** The alarms of the console as rows to tick, open and walk through by keys. */
export function AlarmTable({ shown, selected, current, onSelect, onFocus }: AlarmTableProps) {
  const words = text.value;
  return (
    <div class="scroll" tabIndex={-1}>
      <table class="rows">
        <thead>
          <tr>
            <th scope="col" class="col-check">
              <input
                type="checkbox"
                aria-label={words.selectAll}
                checked={shown.length > 0 && shown.every(({ id }) => selected.has(id))}
                onChange={(event) =>
                  onSelect(event.currentTarget.checked ? new Set(shown.map(({ id }) => id)) : new Set())
                }
              />
            </th>
            <th scope="col" class="col-glyph">
              <span class="unseen">{words.priority(1).replace(/\s*1/, '')}</span>
            </th>
            <th scope="col">{words.what}</th>
            <th scope="col" class="col-where">
              {words.where}
            </th>
            <th scope="col" class="col-value right">
              {words.value} <span>{words.limit}</span>
            </th>
            <th scope="col" class="col-age right">
              {words.age} <span>{words.raised}</span>
            </th>
            <th scope="col" class="col-state">
              {words.stateColumn}
            </th>
          </tr>
        </thead>
        <tbody>
          {shown.map((alarm) => (
            <AlarmRow
              key={alarm.id}
              alarm={alarm}
              selected={selected.has(alarm.id)}
              current={alarm.id === current}
              onToggle={() => onSelect(toggled(selected, alarm.id))}
              onFocus={() => onFocus(alarm.id)}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The same ticks with one more, or one less. */
export function toggled(selected: ReadonlySet<string>, alarm: string): ReadonlySet<string> {
  const next = new Set(selected);
  if (!next.delete(alarm)) next.add(alarm);
  return next;
}

/** What the keys do, and how many of all alarms are shown. */
export function ConsoleKeys({ shown, all }: { readonly shown: number; readonly all: number }) {
  const words = text.value;
  return (
    <footer class="keys">
      <span>
        <kbd>↑</kbd> <kbd>↓</kbd> {words.keysMove}
      </span>
      <span>
        <kbd>Space</kbd> {words.keysSelect}
      </span>
      {preferences.value.keys && (
        <span>
          <kbd>A</kbd> {words.keysAcknowledge}
        </span>
      )}
      <span>
        <kbd>Enter</kbd> {words.keysDetails}
      </span>
      {preferences.value.keys && (
        <span>
          <kbd>H</kbd> {words.keysShelve}
        </span>
      )}
      {preferences.value.keys && (
        <span>
          <kbd>C</kbd> {words.keysComment}
        </span>
      )}
      {preferences.value.keys && (
        <span>
          <kbd>S</kbd> {words.keysSilence}
        </span>
      )}
      {preferences.value.keys && (
        <span>
          <kbd>?</kbd> {words.jump.allKeys}
        </span>
      )}
      <span class="space" />
      <span class="faint">{words.shownOf(shown, all)}</span>
    </footer>
  );
}

interface AlarmRowProps {
  readonly alarm: Alarm;
  readonly selected: boolean;
  readonly current: boolean;
  readonly onToggle: () => void;
  readonly onFocus: () => void;
}

function AlarmRow(props: AlarmRowProps) {
  const { alarm, selected, current, onToggle, onFocus } = props;
  const words = text.value;
  const { value, limit } = figuresOf(alarm);
  const place = placeOf(alarm);
  const open = () => {
    location.hash = hrefOf({ page: 'alarms', alarm: alarm.id });
  };
  return (
    <tr
      id={`alarm-${alarm.id}`}
      class={`${alarmRowClass(alarm)}${selected ? ' checked' : ''}${current ? ' selected' : ''}`}
      data-alarm={alarm.id}
      data-state={alarm.state}
      onFocusIn={onFocus}
      onClick={(event) => {
        if ((event.target as Element).closest('input, a') === null) open();
      }}
    >
      <td class="col-check">
        <input
          type="checkbox"
          checked={selected}
          aria-label={`${words.select}: ${whatOf(messageOf(alarm, language.value))}`}
          onChange={onToggle}
        />
      </td>
      <td class="col-glyph">
        <Glyph priority={alarm.priority} lamp={lampOf(alarm)} size={20} />
      </td>
      <td class="what">
        <a href={hrefOf({ page: 'alarms', alarm: alarm.id })}>{whatOf(messageOf(alarm, language.value))}</a>
        {alarm.latched && <span class="tag">{words.latched}</span>}
      </td>
      <td class="where">
        <span>{place.name}</span>
        <span class="other">{place.other ?? className(alarm.assetClass ?? 'generic')}</span>
      </td>
      <td class="right figure">
        <b>{value}</b>
        <span>{limit}</span>
      </td>
      <td class="right">
        {writeAge(now.value - alarm.raisedAt, language.value)}
        <span title={site.value.zone}>{raisedWord(alarm)}</span>
      </td>
      <td class="state">
        {alarm.state === 'acknowledged' && alarm.holds.length === 0 ? (
          <>
            <Icon name="check" size={14} /> {alarm.acknowledgedBy ?? stateWord(alarm)}
          </>
        ) : (
          <b>{stateWord(alarm)}</b>
        )}
      </td>
    </tr>
  );
}
