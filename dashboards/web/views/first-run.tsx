import { useId, useState } from 'preact/hooks';
import { api } from '../api.ts';
import { zoneName } from '../format.ts';
import { Choice, PasswordField, PasswordMeter, TextField } from '../parts/form.tsx';
import { Icon } from '../parts/icon.tsx';
import { PASSWORD_MIN } from '../password.ts';
import { connect, devices, language, problemOf, session, setPreferences, text } from '../state.ts';
import { loadSession } from '../who.ts';
import { Entrance } from './entrance.tsx';

const PRESSURE_UNITS = ['MPa', 'm', 'bar'] as const;

/** Once on the first run: the administrator, how values are written, then a look at what already reports. */
export function FirstRun({ onDone }: { onDone: () => void }) {
  const words = text.value;
  const [step, setStep] = useState<1 | 2>(1);
  return (
    <Entrance
      foot={
        <>
          <span>{words.noDataLeaves}</span>
          <Version />
        </>
      }
    >
      <ol class="steps">
        {[words.stepAdministrator, words.stepDevices].map((name, index) => (
          <li key={name} class={step > index ? 'reached' : ''} aria-current={step === index + 1 ? 'step' : undefined}>
            {index + 1} {name}
          </li>
        ))}
      </ol>
      {step === 1 ? <Administrator onDone={() => setStep(2)} /> : <FirstDevices onDone={onDone} />}
    </Entrance>
  );
}

function Version() {
  const current = session.value;
  const version = typeof current === 'object' ? current.version : '';
  return <span>{version === '' ? '' : text.value.version(version)}</span>;
}

function Administrator({ onDone }: { onDone: () => void }) {
  const words = text.value;
  const hint = useId();
  const current = session.value;
  const who = typeof current === 'object' ? current : undefined;
  const [username, setUsername] = useState(who?.username ?? 'admin');
  const [password, setPassword] = useState('');
  const [pressureUnit, setPressureUnit] = useState(who?.settings.pressureUnit ?? 'MPa');
  const [timezone, setTimezone] = useState(
    who?.site.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone ?? 'Asia/Shanghai',
  );
  const [problem, setProblem] = useState<string | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await api.setup({ username, password, language: language.value, pressureUnit, timezone });
      onDone();
      connect();
    } catch (error) {
      setProblem(words.setupFailed(problemOf(error)));
      setBusy(false);
    }
  };
  return (
    <form onSubmit={(event) => void submit(event)} data-page="first-run">
      <h1>{words.createAdministrator}</h1>
      <p class="under">{words.createAdministratorWhy}</p>
      <TextField label={words.userName} value={username} onInput={setUsername} autocomplete="username" />
      <PasswordField
        label={words.newPassword}
        value={password}
        onInput={setPassword}
        autocomplete="new-password"
        describedBy={hint}
      />
      <PasswordMeter password={password} id={hint} />
      <div class="two">
        <Choice
          label={words.language}
          value={language.value}
          options={[
            { value: 'en', label: 'English', lang: 'en' },
            { value: 'zh', label: '简体中文', lang: 'zh-CN' },
          ]}
          onChoose={(value) => setPreferences({ language: value === 'zh' ? 'zh' : 'en' })}
        />
        <Choice
          label={words.pressureIn}
          value={pressureUnit}
          options={PRESSURE_UNITS.map((unit) => ({ value: unit, label: unit }))}
          onChoose={setPressureUnit}
        />
      </div>
      <ZoneField value={timezone} onChoose={setTimezone} />
      {problem !== undefined && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      <button
        type="submit"
        class="button primary big"
        disabled={busy || username === '' || [...password].length < PASSWORD_MIN}
      >
        {words.continue}
      </button>
    </form>
  );
}

/** Zones of the browser; the chosen one is offered even when the browser does not list it. */
function ZoneField({ value, onChoose }: { value: string; onChoose: (zone: string) => void }) {
  const id = useId();
  const known = Intl.supportedValuesOf('timeZone');
  const zones = known.includes(value) ? known : [value, ...known];
  const at = Date.now();
  return (
    <div class="field">
      <label for={id}>{text.value.timeZone}</label>
      <div class="input with-button select">
        <select id={id} value={value} onChange={(event) => onChoose(event.currentTarget.value)}>
          {zones.map((zone) => (
            <option key={zone} value={zone}>
              {zone === value ? `${zone}, ${offset(zone, at)}` : zone}
            </option>
          ))}
        </select>
        <Icon name="down" size={16} />
      </div>
    </div>
  );
}

function offset(zone: string, at: number): string {
  try {
    return zoneName(zone, at);
  } catch {
    return '';
  }
}

function FirstDevices({ onDone }: { onDone: () => void }) {
  const words = text.value;
  return (
    <div data-page="first-devices">
      <h1>{words.firstDevices}</h1>
      <p class="under">{words.devicesSeen(devices.value.size)}</p>
      <p class="hint">{words.devicesHow}</p>
      <button
        type="button"
        class="button primary big"
        onClick={() => {
          void loadSession();
          onDone();
        }}
      >
        {words.finish}
      </button>
    </div>
  );
}
