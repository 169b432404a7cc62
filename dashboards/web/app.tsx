import { useEffect, useRef, useState } from 'preact/hooks';
import { Logo } from './parts/icon.tsx';
import { newAlarms } from './ringing.ts';
import { hrefOf } from './route.ts';
import { connect, route, session, text } from './state.ts';
import { Alarms } from './views/alarms.tsx';
import { DevicePage } from './views/device.tsx';
import { Explore } from './views/explore.tsx';
import { FirstRun } from './views/first-run.tsx';
import { Jump } from './views/jump.tsx';
import { KeysHelp } from './views/keys-help.tsx';
import { isWall } from './views/kiosk.ts';
import { Leakage } from './views/leakage.tsx';
import { overlay } from './views/overlay.ts';
import { Overview } from './views/overview.tsx';
import { AlarmPerformance } from './views/performance.tsx';
import { Settings } from './views/settings.tsx';
import { listenToKeys } from './views/shortcuts.ts';
import { SignIn } from './views/sign-in.tsx';
import { Unreachable } from './views/unreachable.tsx';
import { Wall } from './views/wall.tsx';

/** While the gateway is asked who is signed in: our mark, where the frame will have it. */
function Waiting() {
  return (
    <div class="waiting">
      <Logo />
    </div>
  );
}

/** Sign-in, first run, or the page the address names. */
export function App() {
  const current = session.value;
  const signedIn = typeof current === 'object';
  const [setUp, setSetUp] = useState(false);
  const firstRun = signedIn && (current.firstRun || setUp);
  useEffect(() => {
    if (signedIn && current.firstRun) setSetUp(true);
    if (signedIn && !current.firstRun) connect();
  }, [signedIn, signedIn && current.firstRun]);
  const fresh = signedIn ? newAlarms.value : 0;
  const title = fresh > 0 ? `(${fresh}) ${text.value.product}` : text.value.product;
  useEffect(() => {
    document.title = title;
  }, [title]);
  if (current === 'asking') return <Waiting />;
  if (current === 'unreachable') return <Unreachable />;
  if (current === undefined) return <SignIn />;
  if (firstRun) return <FirstRun onDone={() => setSetUp(false)} />;
  return (
    <>
      <Page />
      {overlay.value === 'jump' && <Jump />}
      {overlay.value === 'keys' && <KeysHelp />}
    </>
  );
}

function Page() {
  const where = route.value;
  const key = where.page === 'device' ? hrefOf(where) : where.page;
  const first = useRef(key);
  useEffect(() => {
    if (first.current === key) return;
    first.current = key;
    // What had the focus went with the page before: it goes on at the head of this one.
    const { activeElement } = document;
    if (activeElement === null || activeElement === document.body)
      document.querySelector('h1')?.focus({ preventScroll: true });
  }, [key]);
  useEffect(() => {
    const deaf = listenToKeys();
    return () => {
      deaf();
      // Whoever signs in next did not open it.
      overlay.value = undefined;
    };
  }, []);
  switch (where.page) {
    case 'alarms':
      return <Alarms id={where.alarm} />;
    case 'leakage':
      return <Leakage zone={where.zone} />;
    case 'performance':
      return <AlarmPerformance />;
    case 'explore':
      return <Explore id={where.point} />;
    case 'device':
      return <DevicePage key={where.device} id={where.device} />;
    case 'settings':
      return <Settings />;
    default:
      return isWall.value ? <Wall /> : <Overview asset={where.page === 'overview' ? where.asset : undefined} />;
  }
}
