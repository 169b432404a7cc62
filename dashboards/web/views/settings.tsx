import { useState } from 'preact/hooks';
import { api } from '../api.ts';
import { Choice, PasswordField, PasswordMeter } from '../parts/form.tsx';
import { Panel } from '../parts/panel.tsx';
import { PASSWORD_MIN, strengthOf } from '../password.ts';
import { playTest } from '../ringing.ts';
import { language, preferences, problemOf, session, setPreferences, signOut, text } from '../state.ts';
import { Crumb, Frame } from './frame.tsx';

/** What one person sets on this browser, and the own account. */
export function Settings() {
  const words = text.value;
  const current = session.value;
  const who = typeof current === 'object' ? current : undefined;
  const { theme, sound, flashing, keys } = preferences.value;
  const onOff = [
    { value: 'on', label: words.on },
    { value: 'off', label: words.off },
  ];
  return (
    <Frame title={<Crumb page={words.settings} />} ranged={false}>
      <div class="settings">
        <Panel title={words.appearance} scope={words.appearanceWhy}>
          <div class="form">
            <Choice
              label={words.theme}
              value={theme}
              options={[
                { value: 'system', label: words.followSystem },
                { value: 'light', label: words.light },
                { value: 'dark', label: words.dark },
              ]}
              onChoose={(value) => setPreferences({ theme: value as typeof theme })}
            />
            <Choice
              label={words.language}
              value={language.value}
              options={[
                { value: 'en', label: 'English', lang: 'en' },
                { value: 'zh', label: '简体中文', lang: 'zh-CN' },
              ]}
              onChoose={(value) => setPreferences({ language: value as 'en' | 'zh' })}
            />
            <Choice
              label={words.keysSetting}
              value={keys ? 'on' : 'off'}
              options={onOff}
              onChoose={(value) => setPreferences({ keys: value === 'on' })}
            />
          </div>
        </Panel>
        <Panel title={words.sound}>
          <div class="form">
            <p class="faint">{words.soundWhy}</p>
            <Choice
              label={words.soundSetting}
              value={sound ? 'on' : 'off'}
              options={onOff}
              onChoose={(value) => setPreferences({ sound: value === 'on' })}
            />
            <Choice
              label={words.flashingSetting}
              value={flashing ? 'on' : 'off'}
              options={onOff}
              onChoose={(value) => setPreferences({ flashing: value === 'on' })}
            />
            <button type="button" class="button" onClick={() => void playTest()}>
              {words.testSound}
            </button>
          </div>
        </Panel>
        <Panel title={words.account}>
          <div class="form">
            {who !== undefined && <p>{words.signedInAs(who.username, who.role)}</p>}
            <ChangePassword />
            <button type="button" class="button" onClick={() => void signOut()}>
              {words.signOut}
            </button>
            {who !== undefined && who.version !== '' && <p class="faint">{words.version(who.version)}</p>}
          </div>
        </Panel>
      </div>
    </Frame>
  );
}

function ChangePassword() {
  const words = text.value;
  const [old, setOld] = useState('');
  const [next, setNext] = useState('');
  const [said, setSaid] = useState<{ readonly ok: boolean; readonly text: string } | undefined>(undefined);
  const change = async (event: Event) => {
    event.preventDefault();
    try {
      await api.changePassword(old, next);
      setOld('');
      setNext('');
      setSaid({ ok: true, text: words.passwordChanged });
    } catch (error) {
      setSaid({ ok: false, text: words.passwordFailed(problemOf(error)) });
    }
  };
  return (
    <form class="form" onSubmit={(event) => void change(event)}>
      <PasswordField label={words.currentPassword} value={old} onInput={setOld} autocomplete="current-password" />
      <PasswordField label={words.newPassword} value={next} onInput={setNext} autocomplete="new-password" />
      <PasswordMeter password={next} />
      {said !== undefined && (
        <p class={said.ok ? '' : 'problem'} role={said.ok ? 'status' : 'alert'}>
          {said.text}
        </p>
      )}
      <button
        type="submit"
        class="button"
        disabled={old === '' || next.length < PASSWORD_MIN || strengthOf(next) === 0}
      >
        {words.changePassword}
      </button>
    </form>
  );
}
