import { describe, expect, it } from 'vitest';
import { formatMistake, type Mistake } from '../../../contract/mistakes.ts';
import { parseYaml } from '../../../contract/yaml.ts';
import { withPlaces } from '../../../contract/yaml-places.ts';

const TEXT = `# Street lighting
site: north
defaults: &defaults
  every: soon
  model: acme
lines:
  - id: a
    devices:
      - <<: *defaults
        id: lamp-1
        colour: red
      - *defaults
  - { id: b, port: 99999 }
points:
  fm.12/flow: { unit: m3/h }
  fm: { unit: kPa }
`;

const mistake = (path: string): Mistake => ({ file: 'f.yaml', path, found: 'x', allowed: 'y' });
const placeOf = (path: string, text = TEXT) => {
  const [{ at } = mistake(path)] = withPlaces([mistake(path)], text);
  return at === undefined ? undefined : `${at.line}:${at.column}`;
};

describe('A mistake in a YAML file', () => {
  it.for([
    ['an unknown key', 'lines[0].devices[0].colour', '11:9'],
    ['a wrong value in a flow map', 'lines[1].port', '13:14'],
    ['an entry of a list', 'lines[1]', '13:5'],
    ['a key with dots in it', 'points.fm.12/flow.unit', '15:17'],
    ['a key that another one begins with', 'points.fm.unit', '16:9'],
    ['what was merged in, where it is written', 'lines[0].devices[0].every', '4:3'],
    ['what an alias stands for, where it is written', 'lines[0].devices[1].every', '4:3'],
  ] as const)('has the place of %s', ([, path, place]) => {
    expect(placeOf(path)).toBe(place);
  });

  it.for([
    ['a key', 'lines[0].transport', '7:5'],
    ['the whole file', 'edge', '2:1'],
    ['a list that is too short', 'lines[7].id', '6:1'],
  ] as const)('that is something missing has the place of what lacks it: %s', ([, path, place]) => {
    expect(placeOf(path)).toBe(place);
  });

  it('of a device that is told by its id has the place in its entry', () => {
    const list = '- id: lamp-1\n- id: lamp.2\n  class: x\n';
    expect(placeOf('lamp.2.class', list)).toBe('3:3');
    expect(placeOf('lamp-1.class', list)).toBe('1:3');
    expect(placeOf('lamp.2.class', `devices:\n${list}`)).toBe('4:3');
    expect(placeOf('lamp.class', list)).toBeUndefined();
  });

  it('has no place when the text knows nothing of its path, or is empty, and keeps one it has', () => {
    expect(placeOf('lamps.csv id')).toBeUndefined();
    expect(placeOf('site', '')).toBeUndefined();
    expect(placeOf('[3].id')).toBeUndefined();
    const known = { ...mistake('site'), at: { line: 9, column: 9 } };
    expect(withPlaces([known], TEXT)).toEqual([known]);
  });

  it('comes to an end where merges and aliases lead round in a circle', () => {
    expect(placeOf('a.a.a.a.x', 'a: &a\n  <<: *a\n  a: *a\n')).toMatch(/^\d+:\d+$/);
  });

  it('of its form has the place where reading stopped', () => {
    const [first] = parseYaml('site: north\nlines: [a, b\nedge: x\n', 'f.yaml').mistakes;
    expect(formatMistake(first as Mistake)).toMatch(/^f\.yaml:[23]:\d+: \(whole file\): found (?!.* at line)/);
  });
});
