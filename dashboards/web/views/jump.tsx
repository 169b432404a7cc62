import { useEffect, useId, useMemo, useRef, useState } from 'preact/hooks';
import { lampOf } from '../alarms.ts';
import { api } from '../api.ts';
import { findPlaces, joinPlaces, type Place } from '../jump.ts';
import { Glyph } from '../parts/glyph.tsx';
import { Icon } from '../parts/icon.tsx';
import { Empty } from '../parts/panel.tsx';
import { Age, present, usePoint, Value } from '../parts/value.tsx';
import { hrefOf } from '../route.ts';
import { alarms, holdsAll, language, plant, text } from '../state.ts';
import { CloseOverlay, Dialog } from './dialog.tsx';
import { overlay } from './overlay.ts';
import { alarmPlace, devicePlaceOf, heldPlaces, pointPlace } from './places.ts';

/** The search over everything: type, arrows, Enter. The focus stays in the field; the list says what it is at. */
export function Jump() {
  const words = text.value;
  const id = useId();
  const [wanted, setWanted] = useState('');
  const [at, setAt] = useState(0);
  const held = useMemo(heldPlaces, [plant.value, alarms.value, language.value]);
  const { asked, note } = useAsked(wanted);
  const { found, count } = useMemo(() => findPlaces(joinPlaces(held, asked), wanted), [held, asked, wanted]);
  const index = Math.min(at, found.length - 1);
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    list.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' });
  }, [index, found]);
  const go = (place: Place | undefined) => {
    if (place === undefined) return;
    overlay.value = undefined;
    location.hash = hrefOf(place.route);
  };
  return (
    <Dialog label={words.jump.title} class="jump">
      <label class="search">
        <Icon name="search" size={17} />
        <span class="unseen">{words.jump.title}</span>
        <input
          autofocus
          type="text"
          role="combobox"
          aria-expanded="true"
          aria-autocomplete="list"
          aria-controls={`${id}l`}
          aria-activedescendant={index < 0 ? undefined : `${id}-${index}`}
          autocomplete="off"
          spellcheck={false}
          placeholder={words.jump.what}
          value={wanted}
          onInput={(event) => {
            setWanted(event.currentTarget.value);
            setAt(0);
          }}
          onKeyDown={(event) => {
            // Enter that ends a Chinese word being typed chooses nothing.
            if (event.isComposing) return;
            const next = { ArrowDown: index + 1, ArrowUp: index - 1, PageDown: index + 8, PageUp: index - 8 }[
              event.key
            ];
            if (event.key === 'Enter') go(found[index]);
            else if (next !== undefined) setAt(Math.max(0, Math.min(found.length - 1, next)));
            else return;
            event.preventDefault();
          }}
        />
        <CloseOverlay />
      </label>
      {found.length === 0 && <Empty what={words.jump.none(wanted.trim())} why={words.jump.noneWhy} />}
      <div class="jump-list" role="listbox" id={`${id}l`} aria-label={words.jump.title} ref={list}>
        {found.map((place, row) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents lint/a11y/useFocusableInteractive: the field has the focus and the keys
          <div
            key={`${place.kind} ${place.id}`}
            id={`${id}-${row}`}
            role="option"
            aria-selected={row === index}
            onClick={() => go(place)}
            onPointerMove={() => setAt(row)}
          >
            {place.alarm === undefined ? (
              <span class="jump-kind">{words.jump.kinds[place.kind]}</span>
            ) : (
              <Glyph priority={place.alarm.priority} lamp={lampOf(place.alarm)} size={20} />
            )}
            <span class="jump-what">
              <b>{place.title}</b>
              <span>{place.under}</span>
            </span>
            {place.kind === 'point' && <Now id={place.id} />}
          </div>
        ))}
      </div>
      <footer class="keys">
        <span>
          <kbd>↑</kbd> <kbd>↓</kbd> {words.jump.choose}
        </span>
        <span>
          <kbd>Enter</kbd> {words.jump.open}
        </span>
        <span>
          <kbd>Esc</kbd> {words.jump.closeIt}
        </span>
        <span class="space" />
        <span class="faint" role="status">
          {[note, wanted.trim() === '' ? '' : words.jump.shownOf(found.length, count)].filter(Boolean).join(' ')}
        </span>
      </footer>
    </Dialog>
  );
}

/** The value there, as honest as everywhere: its age when it is old, its reason when there is none. */
function Now({ id }: { id: string }) {
  const point = usePoint(id);
  if (point === undefined) return null;
  const { shown } = present(point);
  return (
    <span class="jump-now">
      <Value shown={shown} />
      {shown.standing !== 'good' && <Age point={point} shown={shown} />}
    </span>
  );
}

/** Nobody waits for less, and a fast typist asks once. */
const ASK_AFTER_MS = 200;
const NOTHING: readonly Place[] = [];

/** What the gateway knows beside what the page holds; asked only on a site that is bigger than the page. */
function useAsked(wanted: string): { readonly asked: readonly Place[]; readonly note: string } {
  const [answer, setAnswer] = useState<{ readonly of: string; readonly places: readonly Place[] } | undefined>(
    undefined,
  );
  const [failed, setFailed] = useState(false);
  const needle = wanted.trim();
  const wants = !holdsAll.value && needle.length >= 2;
  useEffect(() => {
    if (!wants) return;
    const abort = new AbortController();
    setFailed(false);
    const timer = setTimeout(() => {
      api
        .search(needle, abort.signal)
        .then(({ devices, points, alarms: open }) =>
          setAnswer({
            of: needle,
            places: [
              ...open.map(alarmPlace),
              ...devices.map((device) => devicePlaceOf(device.id, device)),
              ...points.map((point) => pointPlace(point)),
            ],
          }),
        )
        .catch(() => {
          if (!abort.signal.aborted) setFailed(true);
        });
    }, ASK_AFTER_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [needle, wants]);
  const words = text.value.jump;
  if (!wants) return { asked: NOTHING, note: '' };
  if (failed) return { asked: answer?.places ?? NOTHING, note: words.onlyHeld };
  return { asked: answer?.places ?? NOTHING, note: answer?.of === needle ? '' : words.asking };
}
