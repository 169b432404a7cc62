import type { ComponentChildren } from 'preact';
import { preferences, text } from '../state.ts';
import { CloseOverlay, Dialog } from './dialog.tsx';
import { PAGES, pageName } from './places.ts';

/** Every key there is. */
export function KeysHelp() {
  const words = text.value;
  const { jump } = words;
  const letters = preferences.value.keys;
  return (
    <Dialog label={jump.keys} class="keys-help">
      <header class="panel-head">
        <h2>{jump.keys}</h2>
        <span class="space" />
        <CloseOverlay />
      </header>
      {!letters && <p class="faint">{jump.keysOff}</p>}
      <div class="keys-columns">
        <section>
          <h3>{jump.keysEverywhere}</h3>
          <dl>
            <Keys keys={['Ctrl', 'K']}>{jump.title}</Keys>
            {letters && <Keys keys={['?']}>{jump.thisList}</Keys>}
            {letters &&
              PAGES.map(({ page, letter }) => (
                <Keys key={page} keys={['G', letter.toUpperCase()]}>
                  {jump.goTo(pageName(page))}
                </Keys>
              ))}
            {letters && <Keys keys={['D', 'K']}>{words.map.wall}</Keys>}
            {letters && <Keys keys={['T']}>{jump.range}</Keys>}
          </dl>
        </section>
        <section>
          <h3>{jump.keysAlarms}</h3>
          <dl>
            <Keys keys={['↑', '↓']}>{words.keysMove}</Keys>
            <Keys keys={['Space']}>{words.keysSelect}</Keys>
            <Keys keys={['Shift', '↓']}>{jump.extend}</Keys>
            <Keys keys={['Enter']}>{words.keysDetails}</Keys>
            <Keys keys={['Esc']}>{jump.back}</Keys>
            {letters && <Keys keys={['A']}>{words.keysAcknowledge}</Keys>}
            {letters && <Keys keys={['H']}>{words.keysShelve}</Keys>}
            {letters && <Keys keys={['C']}>{words.keysComment}</Keys>}
            {letters && <Keys keys={['S']}>{words.keysSilence}</Keys>}
            {letters && <Keys keys={['M']}>{words.map.show}</Keys>}
            {letters && <Keys keys={['/']}>{jump.filter}</Keys>}
          </dl>
        </section>
      </div>
    </Dialog>
  );
}

function Keys({ keys, children }: { readonly keys: readonly string[]; readonly children: ComponentChildren }) {
  return (
    <div>
      <dt>
        {keys.map((key) => (
          <kbd key={key}>{key}</kbd>
        ))}
      </dt>
      <dd>{children}</dd>
    </div>
  );
}
