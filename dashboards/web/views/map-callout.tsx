import { lampOf, messageOf, responseOf, stepsOf, whatOf } from '../alarms.ts';
import { writeAge, writeNumber, writeValue, writingOf } from '../format.ts';
import { leakOf } from '../leak.ts';
import type { Mark } from '../map/marks.ts';
import { calloutsClosed } from '../map/state.ts';
import { placeOf, raisedWord } from '../parts/alarm-row.tsx';
import { Glyph } from '../parts/glyph.tsx';
import { Icon } from '../parts/icon.tsx';
import { BothNames, measurementName } from '../parts/name.tsx';
import type { Box } from '../plan.ts';
import { hrefOf } from '../route.ts';
import { language, leakZones, model, now, pressureUnit, text } from '../state.ts';

/** Size of the callout, CSS pixels: its place on the map is chosen before it is drawn. */
export const CALLOUT = { width: 288, height: 134 } as const;

interface Figure {
  readonly value: string;
  readonly unit?: string;
  readonly caption: string;
}

/** The most urgent new alarm in full: what, where, three figures, since when, what to do. */
export function MapCallout({ mark, box, still }: { mark: Mark; box: Box; still: boolean }) {
  const words = text.value.map;
  const { alarm } = mark;
  const [what = ''] = whatOf(messageOf(alarm, language.value)).split(/[:：]/u);
  const [step] = stepsOf(responseOf(alarm, language.value));
  return (
    <section
      class={`map-callout priority-${alarm.priority}`}
      style={{
        left: `${box.left}px`,
        top: `${box.top}px`,
        width: `${CALLOUT.width}px`,
        minHeight: `${CALLOUT.height}px`,
      }}
      aria-label={what}
    >
      <a href={hrefOf({ page: 'alarms', alarm: alarm.id })}>
        <span class="callout-head">
          <Glyph priority={alarm.priority} lamp={lampOf(alarm)} size={20} />
          <b>{what}</b>
          <span class="faint">{words.raised(raisedWord(alarm))}</span>
        </span>
        <span class="callout-where">
          <BothNames {...placeOf(alarm)} />
        </span>
        <span class="callout-figures">
          {figures(mark).map(({ value, unit, caption }) => (
            <span key={caption}>
              <b>
                {value}
                {unit !== undefined && <small> {unit}</small>}
              </b>
              <i>{caption}</i>
            </span>
          ))}
        </span>
        {step !== undefined && <span class="callout-step">{step}</span>}
      </a>
      {!still && (
        <button
          type="button"
          class="callout-close"
          aria-label={words.hide}
          title={words.hide}
          onClick={() => {
            calloutsClosed.value = new Set([...calloutsClosed.value, alarm.id]);
          }}
        >
          <Icon name="close" size={13} />
        </button>
      )}
    </section>
  );
}

/** Kinds whose setpoint stands on the scale of the value itself. */
const LEVEL = /^(?:high|low)/;

/** At most three: of a leak how much and how much was lost, of anything else the value and its limit; and how long it lasts. */
function figures({ alarm }: Mark): readonly Figure[] {
  const words = text.value;
  const lasts: Figure = { value: writeAge(now.value - alarm.since, language.value), caption: words.map.lasts };
  const leak = leakOf(alarm.evidence);
  if (leak !== undefined) {
    // What the alarm says was so when it rang; the zone knows what it has come to since.
    const ofZone = leakZones.value.find(({ zone }) => zone === alarm.asset)?.lostM3 ?? 0;
    const lost = Math.max(leak.lostM3 ?? 0, ofZone);
    return [
      { value: writeNumber(leak.size, leak.size < 20 ? 1 : 0), unit: 'm³/h', caption: words.map.leakSize },
      { value: writeNumber(lost, 0), unit: 'm³', caption: words.leakage.lost },
      lasts,
    ];
  }
  const { setpoint } = alarm;
  const point = alarm.point === undefined ? undefined : model.value.points.get(alarm.point);
  // A level is told as it is now; a change, share or count only as it was when it tripped.
  const isLevel = LEVEL.test(alarm.kind) && point?.last?.value !== undefined;
  const value = isLevel ? point.last?.value : alarm.value;
  const writing = writingOf(isLevel ? point.unit : alarm.unit, setpoint ?? value ?? 0, pressureUnit.value);
  const figure = (of: number | undefined, caption: string): readonly Figure[] =>
    of === undefined ? [] : [{ value: writeValue(of, writing), unit: writing.label, caption }];
  return [
    ...figure(value, point === undefined ? words.value : measurementName(point)),
    ...figure(setpoint, words.limit),
    lasts,
  ];
}
