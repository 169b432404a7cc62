import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { shippedPlant } from '../../gateway/plant-files.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const { classes } = shippedPlant(ROOT);

/** Lines of the journal that say that a condition was true. */
const RAISED = /^(?:\* | {2}).*? (?:raise|re-raise|raise-late) (\S+) ([^\s/]+)(?:\/\S+)? P\d/gm;

/** Points nobody measures: they are made of those of the devices downstream. */
const MADE = new Set(['litShare', 'fansAvailable']);

/** What a story says of each class: the kinds that were raised on one of its devices, and the points that were read on another. */
interface Told {
  readonly raised: Set<string>;
  readonly quiet: Set<string>;
}

function tell(folder: string, told: Map<string, Told>): void {
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  const files = readdirSync(folder).filter((name) => /^devices.*\.ya?ml$/.test(name));
  const devices = files.flatMap((name) => parse(read(name)) as { readonly id: string; readonly class?: string }[]);
  const raised = new Map<string, Set<string>>();
  for (const [, kind = '', device = ''] of read('expected.txt').matchAll(RAISED))
    raised.set(device, (raised.get(device) ?? new Set()).add(kind));
  const story = read('story.txt');
  for (const { id, class: name = 'generic' } of devices) {
    const own = told.get(name) ?? { raised: new Set(), quiet: new Set() };
    told.set(name, own);
    const kinds = raised.get(id) ?? new Set();
    for (const kind of kinds) own.raised.add(kind);
    const points = new Set(
      [...story.matchAll(/([^\s,/]+)\/([^\s,]+) /g)].flatMap(([, of, point]) => (of === id ? [point] : [])),
    );
    for (const { point, kind } of classes.get(name)?.alarms ?? [])
      if ((points.has(point) || MADE.has(point)) && !kinds.has(kind)) own.quiet.add(kind);
  }
}

describe('stories', () => {
  const told = new Map<string, Told>();
  for (const { name } of readdirSync(import.meta.dirname, { withFileTypes: true }).filter((one) => one.isDirectory()))
    if (existsSync(join(import.meta.dirname, name, 'story.txt'))) tell(join(import.meta.dirname, name), told);
  const kinds = [...classes.values()].flatMap(({ class: name, alarms }) =>
    [...new Set(alarms.map(({ kind }) => kind))].map((kind) => ({ name, kind })),
  );

  it('ring every kind of alarm that a class has, and know a case of it that must not ring', () => {
    const all = new Set(kinds.map(({ kind }) => kind));
    const rung = new Set([...told.values()].flatMap(({ raised }) => [...raised]));
    const quiet = new Set([...told.values()].flatMap((of) => [...of.quiet]));
    expect([...all].filter((kind) => !rung.has(kind))).toEqual([]);
    expect([...all].filter((kind) => !quiet.has(kind))).toEqual([]);
  });

  it('ring on at least one device of every class', () => {
    const silent = [...classes.keys()].filter((name) => (told.get(name)?.raised.size ?? 0) === 0);
    expect(silent).toEqual([]);
  });
});
