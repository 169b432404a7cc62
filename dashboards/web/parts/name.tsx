import type { LeakZone } from '../leakage.ts';
import type { Device, Point } from '../model.ts';
import { devices, language, leakZones, text } from '../state.ts';

/** Ids are joined by a hyphen that does not break. */
const unbroken = (id: string) => id.replaceAll('-', '\u2011');

/** Name of a device in the reader's language, and in the other one where there is one. */
export function deviceNames(
  device: Device | undefined,
  id: string,
): { readonly name: string; readonly other?: string } {
  return namesIn(device ?? {}, id);
}

function namesIn(
  { name, nameZh }: { readonly name?: string | undefined; readonly nameZh?: string | undefined },
  id: string,
): { readonly name: string; readonly other?: string } {
  const [first, second] = language.value === 'zh' ? [nameZh, name] : [name, nameZh];
  const shown = first ?? second ?? unbroken(id);
  return second === undefined || second === shown ? { name: shown } : { name: shown, other: second };
}

/** What an alarm is about: a device, or an area in which leaks are looked for. */
export function assetNames(id: string): { readonly name: string; readonly other?: string } {
  const device = devices.value.get(id);
  const zone = device === undefined ? leakZones.value.find((one) => one.zone === id) : undefined;
  return zone === undefined ? deviceNames(device, id) : namesIn(zone, id);
}

/** Place of a device in the reader's language, as far as it has words for it. */
export function devicePlace(device: Device | undefined): string | undefined {
  return (language.value === 'zh' ? device?.locationZh : undefined) ?? device?.location;
}

/** Name of a leakage zone in the reader's language; its id where it has none. */
export function zoneName(zones: readonly LeakZone[], id: string): string {
  const { name, nameZh } = zones.find(({ zone }) => zone === id) ?? {};
  return (language.value === 'zh' ? nameZh : undefined) ?? name ?? id;
}

/** Label of a measurement: the model's or the class's in the reader's language, a word of the page, else its id made readable. */
export function measurementName(point: Point): string {
  const { label, labelZh, measurement } = point;
  const own = language.value === 'zh' ? labelZh : label;
  return (
    own ??
    text.value.measurements[measurement] ??
    (language.value === 'zh' ? label : undefined) ??
    readable(measurement)
  );
}

/** Quantity and device; once where the device's name says the quantity. */
export function pointTitle(point: Point, device: Device | undefined = devices.value.get(point.device)): string {
  const { name } = deviceNames(device, point.device);
  const quantity = measurementName(point);
  return name.toLowerCase().includes(quantity.toLowerCase()) ? name : text.value.quantityOf(quantity, name);
}

/** `activePowerL1` and `flow-total` read as words. */
function readable(measurement: string): string {
  const words = measurement
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .replace(/[._-]+/g, ' ')
    .trim();
  return words.charAt(0).toUpperCase() + words.slice(1).replace(/\b[A-Z][a-z]+/g, (word) => word.toLowerCase());
}

export function className(id: string): string {
  return text.value.classes[id] ?? readable(id);
}

/** What a rule watches for, in a word. */
export function kindName(kind: string): string {
  return text.value.kinds[kind] ?? readable(kind).toLowerCase();
}

/** The language of a name in the other language, for screen readers and fonts. */
export function otherLang(): string {
  return language.value === 'zh' ? 'en' : 'zh-CN';
}

/** A name with the other language's beside it in grey. */
export function BothNames({ name, other }: { readonly name: string; readonly other?: string }) {
  return (
    <>
      {name}
      {other !== undefined && (
        <span class="other" lang={otherLang()}>
          {' '}
          {other}
        </span>
      )}
    </>
  );
}
