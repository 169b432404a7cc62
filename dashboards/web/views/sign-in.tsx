import { useEffect, useState } from 'preact/hooks';
import { ApiError, api } from '../api.ts';
import { PasswordField, TextField } from '../parts/form.tsx';
import { endedByGateway, session, text } from '../state.ts';
import { retryAfterMs } from '../stream.ts';
import { Entrance } from './entrance.tsx';

/** Says nothing of the site before somebody signed in, except that the gateway is there. */
export function SignIn() {
  const words = text.value;
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const [problem, setProblem] = useState<string | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const [reachable, doubt] = useReachable();
  // What was said of a gateway that was away is no longer true; what was typed is still there.
  useEffect(() => {
    if (reachable === true) setProblem((before) => (before === words.notReachable ? undefined : before));
  }, [reachable]);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (username === '' || password === '') return setProblem(words.fillBoth);
    setBusy(true);
    try {
      const signedIn = await api.signIn(username, password);
      endedByGateway.value = false;
      session.value = signedIn;
    } catch (error) {
      setProblem(problemOf(error));
      if (error instanceof ApiError && error.status === 0) doubt();
      setBusy(false);
    }
  };
  return (
    <Entrance
      foot={
        <>
          <span>{words.forgotten}</span>
          <span role="status">
            {reachable === undefined ? words.checkingReachable : reachable ? words.reachable : words.notReachable}
          </span>
        </>
      }
    >
      <form onSubmit={(event) => void submit(event)} data-page="sign-in">
        <h1>{words.signIn}</h1>
        <p class="under">{endedByGateway.value ? words.sessionEnded : words.noDataLeaves}</p>
        <TextField label={words.userName} value={username} onInput={setUsername} autocomplete="username" />
        <PasswordField label={words.password} value={password} onInput={setPassword} autocomplete="current-password" />
        {problem !== undefined && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        <button type="submit" class="button primary big" disabled={busy}>
          {words.signIn}
        </button>
      </form>
    </Entrance>
  );
}

function problemOf(error: unknown): string {
  const words = text.value;
  if (!(error instanceof ApiError)) return words.signInFailed(String(error));
  if (error.status === 401) return words.wrongPassword;
  if (error.status === 429) return words.tooManyTries;
  return error.status === 0 ? words.notReachable : words.signInFailed(error.message);
}

/** Whether the gateway answers; while it does not, it is asked again and again. `doubt` asks anew. */
function useReachable(): readonly [boolean | undefined, () => void] {
  const [reachable, setReachable] = useState<boolean | undefined>(undefined);
  const [round, setRound] = useState(0);
  const doubt = () => setRound((before) => before + 1);
  useEffect(() => {
    let here = true;
    let waiting: ReturnType<typeof setTimeout> | undefined;
    const ask = async (tries: number) => {
      const answer = await api.reachable();
      if (!here) return;
      setReachable(answer);
      if (!answer) waiting = setTimeout(() => void ask(tries + 1), retryAfterMs(tries));
    };
    void ask(0);
    return () => {
      here = false;
      clearTimeout(waiting);
    };
  }, [round]);
  useEffect(() => {
    addEventListener('online', doubt);
    addEventListener('focus', doubt);
    return () => {
      removeEventListener('online', doubt);
      removeEventListener('focus', doubt);
    };
  }, []);
  return [reachable, doubt];
}
