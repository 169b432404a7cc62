import { useId, useState } from 'preact/hooks';
import { PASSWORD_MIN, strengthOf } from '../password.ts';
import { text } from '../state.ts';

export interface Option {
  readonly value: string;
  readonly label: string;
  readonly lang?: string;
}

/** Few choices side by side, the chosen one underlined. */
export function Choice(props: {
  readonly label: string;
  readonly value: string;
  readonly options: readonly Option[];
  readonly onChoose: (value: string) => void;
}) {
  const { label, value, options, onChoose } = props;
  const name = useId();
  return (
    <fieldset class="field choice">
      <legend>{label}</legend>
      <div class="segments">
        {options.map((option) => (
          <label key={option.value} lang={option.lang}>
            <input
              type="radio"
              name={name}
              value={option.value}
              checked={option.value === value}
              onChange={() => onChoose(option.value)}
            />
            <span>{option.label}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

export function TextField(props: {
  readonly label: string;
  readonly value: string;
  readonly onInput: (value: string) => void;
  readonly autocomplete: string;
}) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <input
        id={id}
        class="input"
        type="text"
        autocomplete={props.autocomplete}
        autocapitalize="none"
        spellcheck={false}
        value={props.value}
        onInput={(event) => props.onInput(event.currentTarget.value)}
      />
    </div>
  );
}

export function PasswordField(props: {
  readonly label: string;
  readonly value: string;
  readonly onInput: (value: string) => void;
  readonly autocomplete: 'current-password' | 'new-password';
  readonly describedBy?: string;
}) {
  const id = useId();
  const words = text.value;
  const [shown, setShown] = useState(false);
  const field = {
    id,
    autocomplete: props.autocomplete,
    spellcheck: false,
    'aria-describedby': props.describedBy,
    value: props.value,
    onInput: (event: { readonly currentTarget: HTMLInputElement }) => props.onInput(event.currentTarget.value),
  };
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <div class="input with-button">
        {shown ? <input type="text" {...field} /> : <input type="password" {...field} />}
        <button type="button" aria-pressed={shown} onClick={() => setShown(!shown)}>
          {shown ? words.hide : words.show}
        </button>
      </div>
    </div>
  );
}

const BARS = [1, 2, 3, 4] as const;

/** Four bars and the same in words. */
export function PasswordMeter({ password, id }: { password: string; id?: string }) {
  const words = text.value;
  const strength = strengthOf(password);
  const length = [...password].length;
  return (
    <div class="meter" data-strength={strength}>
      <span class="bars" aria-hidden="true">
        {BARS.map((bar) => (
          <i key={bar} class={strength >= bar ? 'filled' : ''} />
        ))}
      </span>
      <p id={id} class="hint" aria-live="polite">
        {words.passwordLength(length, words.strength[length < PASSWORD_MIN ? 0 : strength] ?? '')}
      </p>
    </div>
  );
}
