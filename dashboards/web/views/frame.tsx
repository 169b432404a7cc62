import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { countAlarms, PRIORITIES } from '../alarms.ts';
import { writeClockSpan } from '../format.ts';
import { Glyph } from '../parts/glyph.tsx';
import { Icon, type IconName, Logo } from '../parts/icon.tsx';
import { otherLang } from '../parts/name.tsx';
import { QualityPatterns } from '../parts/quality-mark.tsx';
import { RangePicker } from '../parts/range-picker.tsx';
import { useMenu } from '../parts/use-menu.ts';
import { alarmsAnnounced, ringing, silence, silencedUntil, soundState, unsilence } from '../ringing.ts';
import { hrefOf, type Route } from '../route.ts';
import {
  alarms,
  language,
  link,
  now,
  preferences,
  route,
  session,
  setPreferences,
  site,
  text,
  wallNow,
} from '../state.ts';
import { ConnectionBar } from './connection-bar.tsx';
import { isWall } from './kiosk.ts';
import { overlay } from './overlay.ts';

/** Only what exists has a place here. */
const DESTINATIONS: readonly { readonly page: Route['page']; readonly icon: IconName }[] = [
  { page: 'overview', icon: 'overview' },
  { page: 'leakage', icon: 'leakage' },
  { page: 'alarms', icon: 'alarms' },
  { page: 'explore', icon: 'explore' },
  { page: 'settings', icon: 'settings' },
];

/** What stands around every page: rail, top bar, connection bar; on a phone the tabs at the bottom. */
export function Frame({
  title,
  ranged,
  children,
}: {
  title: ComponentChildren;
  ranged: boolean;
  children: ComponentChildren;
}) {
  return (
    <div class="app">
      <a class="skip" href="#/alarms">
        {text.value.skipToAlarms}
      </a>
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        {text.value.skipToContent}
      </button>
      <QualityPatterns />
      {!isWall.value && <Rail />}
      <header class="top">
        <h1 class="crumb" tabIndex={-1}>
          {title}
        </h1>
        <Annunciator />
        <div class="top-end">
          {!isWall.value && <JumpButton />}
          {ranged && <RangePicker />}
          <LiveState />
          <SiteClock />
        </div>
      </header>
      <ConnectionBar />
      <main id="main" tabIndex={-1}>
        {children}
      </main>
      <Announcer />
    </div>
  );
}

/** Search over everything; on the keyboard Ctrl K. */
function JumpButton() {
  const words = text.value.jump;
  return (
    <button
      type="button"
      class="button quiet icon-only jump-button"
      aria-label={words.title}
      aria-keyshortcuts="Control+K"
      title={`${words.title} (Ctrl K)`}
      onClick={() => {
        overlay.value = 'jump';
      }}
    >
      <Icon name="search" size={16} />
    </button>
  );
}

function Rail() {
  const words = text.value;
  const counts = countAlarms(alarms.value.values());
  const worst = PRIORITIES.find((priority) => counts[priority].fresh > 0);
  const fresh = PRIORITIES.reduce((sum, priority) => sum + counts[priority].fresh, 0);
  const { page: at } = route.value;
  const current = at === 'device' ? 'overview' : at === 'performance' ? 'alarms' : at;
  const wordOf = (page: Route['page']) =>
    page === 'leakage' ? words.leakage.title : words[page as 'overview' | 'alarms' | 'explore' | 'settings'];
  return (
    <nav class="rail" aria-label={words.mainNavigation}>
      <Logo />
      {DESTINATIONS.map(({ page, icon }) => (
        <a
          key={page}
          class={`to-${page}`}
          href={hrefOf({ page } as Route)}
          aria-current={page === current ? 'page' : undefined}
        >
          <Icon name={icon} size={20} />
          <span>{wordOf(page)}</span>
          {page === 'alarms' && worst !== undefined && (
            <span class={`badge fill-${worst}`}>
              {fresh}
              <span class="unseen"> {words.newCount(fresh)}</span>
            </span>
          )}
        </a>
      ))}
    </nav>
  );
}

/** Open and new counts of the four priorities: the one thing present on every page and size. */
function Annunciator() {
  const words = text.value;
  const counts = countAlarms(alarms.value.values());
  return (
    <div class="annunciator">
      <div role="status" aria-label={words.openAlarmsByPriority} class="counts-status">
        <a class="counts" href="#/alarms">
          {PRIORITIES.map((priority) => {
            const { open, fresh, lamp } = counts[priority];
            return (
              <span key={priority} class="count">
                <Glyph priority={priority} lamp={lamp} size={20} />
                <b class={open === 0 ? 'nothing' : ''}>{open}</b>
                {fresh > 0 && <i>{words.newCount(fresh)}</i>}
              </span>
            );
          })}
        </a>
      </div>
      <SoundButton />
    </div>
  );
}

/** The visible twin of the sound: what it does now, and how to stop it. */
function SoundButton() {
  const words = text.value;
  const [open, setOpen] = useState(false);
  const state = soundState.value;
  const left = writeClockSpan(Math.max(0, silencedUntil.value - wallNow.value)).replace(/^0/, '');
  const label =
    state === 'off'
      ? words.soundOff
      : state === 'silenced'
        ? words.silenced(left)
        : state === 'blocked'
          ? words.soundBlocked
          : state === 'ringing'
            ? words.silence
            : words.sound;
  const choose = (action: () => void) => {
    action();
    setOpen(false);
  };
  const menu = useMenu(open, () => setOpen(false));
  return (
    <div class="sound" ref={menu}>
      <button
        type="button"
        class={`sound-button sound-${state}`}
        data-sound={state}
        aria-expanded={open}
        aria-haspopup="true"
        onClick={() => (state === 'ringing' ? silence() : setOpen(!open))}
      >
        <Icon name={state === 'off' || state === 'silenced' ? 'muted' : 'sound'} size={17} />
        <span class="sound-word">{label}</span>
        {preferences.value.keys && (state === 'ringing' || state === 'silenced') && <kbd>S</kbd>}
      </button>
      {open && (
        <div class="menu" role="menu" aria-label={words.soundMenu}>
          {state === 'silenced' ? (
            <button type="button" role="menuitem" onClick={() => choose(unsilence)}>
              {words.soundOn}
            </button>
          ) : (
            <button type="button" role="menuitem" onClick={() => choose(silence)}>
              {words.silenceFor}
            </button>
          )}
          <button
            type="button"
            role="menuitem"
            onClick={() => choose(() => setPreferences({ flashing: !preferences.value.flashing }))}
          >
            {preferences.value.flashing ? words.stopFlashing : words.startFlashing}
          </button>
        </div>
      )}
    </div>
  );
}

function LiveState() {
  const words = text.value;
  const { state } = link.value;
  const word = state === 'live' ? words.live : state === 'lost' ? words.lost : words.connecting;
  return (
    <span class={`live is-${state}`} data-link={state}>
      <i />
      <span>{word}</span>
    </span>
  );
}

function SiteClock() {
  const { clock, date, zone } = site.value;
  return (
    <span class="clock">
      <b>{clock(now.value)}</b>
      <span>
        {date(now.value)}, {zone}
      </span>
    </span>
  );
}

/** A new critical alarm is said once, the others as a sum every ten seconds. */
function Announcer() {
  return (
    <div class="unseen" role="alert" data-ringing={ringing.value ?? ''}>
      {alarmsAnnounced.value}
    </div>
  );
}

/** The site's name at the head of a page. */
export function Crumb({ page }: { page: string }) {
  const current = session.value;
  const where = typeof current === 'object' ? current.site : undefined;
  const [name, other] =
    language.value === 'zh' ? [where?.nameZh ?? where?.name, undefined] : [where?.name, where?.nameZh];
  return (
    <>
      <span class="crumb-site">
        {name}
        {other !== undefined && other !== name && <span lang={otherLang()}> {other}</span>}
        <span class="crumb-slash">/</span>
      </span>
      <b>{page}</b>
    </>
  );
}
