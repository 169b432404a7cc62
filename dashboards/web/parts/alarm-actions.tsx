import { useEffect, useId, useRef, useState } from 'preact/hooks';
import type { Alarm } from '../../../contract/alarm.ts';
import { act, mayOperate, preferences, text } from '../state.ts';
import { Choice } from './form.tsx';
import { isForPage } from './keys.ts';

/** What needs words before it is done. */
type Asked = 'shelve' | 'comment' | 'out-of-service';
/** What is done at once. */
type Direct = 'unshelve' | 'return-to-service' | 'reset';

const SHELVE_TIMES = ['30m', '2h', '8h', '24h'] as const;
const ONE_SHOT = 'one-shot';

/** Shelve, comment, take out of service: what an operator does beside acknowledging. Each asks for its reason first. */
export function AlarmActions({ alarm }: { alarm: Alarm }) {
  const words = text.value;
  const [asked, setAsked] = useState<Asked | undefined>(undefined);
  const [problem, setProblem] = useState<string | undefined>(undefined);
  const may = mayOperate.value;
  /** Has the focus back when the form is gone. */
  const before = useRef<Element | null>(null);
  const close = () => {
    setAsked(undefined);
    if (before.current instanceof HTMLElement && before.current.isConnected) before.current.focus();
  };
  const ask = (what: Asked) => {
    setProblem(undefined);
    if (asked === undefined) before.current = document.activeElement;
    setAsked(asked === what ? undefined : what);
  };
  const doAtOnce = async (what: Direct) => setProblem(await act(alarm.id, what));

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (!preferences.value.keys || !isForPage(event)) return;
      const what = ({ h: 'shelve', c: 'comment' } as const)[event.key.toLowerCase()];
      if (what === undefined || !may || (what === 'shelve' && !canShelve(alarm))) return;
      event.preventDefault();
      ask(what);
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  });

  const button = (what: Asked | Direct, onClick: () => void, key?: string) => (
    <button
      type="button"
      class="button"
      disabled={!may}
      title={may ? undefined : words.needsOperator}
      aria-expanded={asked === what}
      onClick={onClick}
    >
      {words.actions[what]}
      {key !== undefined && preferences.value.keys && <kbd class="desk-only">{key}</kbd>}
    </button>
  );
  return (
    <>
      {problem !== undefined && (
        <span class="problem" role="alert">
          {words.actionFailed(problem)}
        </span>
      )}
      {asked !== undefined && (
        <AskForm
          key={asked}
          asked={asked}
          onCancel={close}
          onDo={async (more) => {
            const failed = await act(alarm.id, asked, more);
            setProblem(failed);
            if (failed === undefined) close();
          }}
        />
      )}
      {canShelve(alarm) && button('shelve', () => ask('shelve'), 'H')}
      {alarm.holds.includes('shelved') && button('unshelve', () => void doAtOnce('unshelve'))}
      {button('comment', () => ask('comment'), 'C')}
      {alarm.holds.includes('out-of-service')
        ? button('return-to-service', () => void doAtOnce('return-to-service'))
        : button('out-of-service', () => ask('out-of-service'))}
      {alarm.latched && !alarm.active && button('reset', () => void doAtOnce('reset'))}
    </>
  );
}

const canShelve = (alarm: Alarm) =>
  alarm.state !== 'normal' && !alarm.holds.includes('shelved') && !alarm.holds.includes('out-of-service');

function AskForm(props: {
  readonly asked: Asked;
  readonly onCancel: () => void;
  readonly onDo: (more: Readonly<Record<string, string | boolean>>) => Promise<void>;
}) {
  const { asked, onCancel, onDo } = props;
  const words = text.value;
  const id = useId();
  const field = useRef<HTMLTextAreaElement>(null);
  const [reason, setReason] = useState('');
  const [time, setTime] = useState<string>('2h');
  const [busy, setBusy] = useState(false);
  useEffect(() => field.current?.focus(), []);
  const said = reason.trim();
  const label =
    asked === 'shelve'
      ? time === ONE_SHOT
        ? words.shelveOneShot
        : words.shelveFor(words.shelveTimes[time] ?? time)
      : words.actions[asked];
  return (
    <form
      class="ask"
      aria-label={words.actions[asked]}
      onSubmit={(event) => {
        event.preventDefault();
        if (said === '' || busy) return;
        setBusy(true);
        const until: Readonly<Record<string, string | boolean>> =
          asked !== 'shelve' ? {} : time === ONE_SHOT ? { oneShot: true } : { for: time };
        void onDo({ ...until, [asked === 'comment' ? 'comment' : 'reason']: said }).finally(() => setBusy(false));
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        event.preventDefault();
        event.stopPropagation();
        onCancel();
      }}
    >
      {asked === 'shelve' && (
        <Choice
          label={words.shelveHowLong}
          value={time}
          options={[
            ...SHELVE_TIMES.map((value) => ({ value, label: words.shelveTimes[value] ?? value })),
            { value: ONE_SHOT, label: words.untilNormal },
          ]}
          onChoose={setTime}
        />
      )}
      <div class="field">
        <label for={id}>{asked === 'comment' ? words.comment : words.reason}</label>
        <textarea
          ref={field}
          id={id}
          class="input"
          rows={2}
          maxLength={1000}
          value={reason}
          onInput={(event) => setReason(event.currentTarget.value)}
        />
      </div>
      <div class="ask-buttons">
        <button type="submit" class="button primary" disabled={said === '' || busy}>
          {label}
        </button>
        <button type="button" class="button" onClick={onCancel}>
          {words.cancel}
        </button>
      </div>
    </form>
  );
}
