import type { Mistake } from '../contract/mistakes.ts';
import type { CommandSettings } from './command.ts';

/** A point of this edge, as far as commands care; undefined = there is none. */
export type PointLookup = (
  device: string,
  measurement: string,
) => { readonly writable?: { readonly range: readonly [number, number] } } | undefined;

/** Guards that hang on points this edge does not have, or allow more than the model. A guard that never holds is a mistake too. */
export function checkCommands(settings: CommandSettings, lookup: PointLookup, file: string): Mistake[] {
  const mistakes: Mistake[] = [];
  const find = (id: string) => {
    const [device = '', measurement = ''] = id.split('/');
    return lookup(device, measurement);
  };
  for (const [id, guards] of Object.entries(settings.points)) {
    const path = `commands.points.${id}`;
    const wrong = (at: string, found: string, allowed: string) => {
      mistakes.push({ file, path: `${path}${at}`, found, allowed });
    };
    const writable = find(id)?.writable;
    if (find(id) === undefined) wrong('', id, 'a point of this edge');
    else if (writable === undefined) wrong('', id, 'a point that its model marks writable');
    const { range, remote, interlocks } = guards;
    if (range !== undefined && range[0] > range[1])
      wrong('.range', `${range[0]}..${range[1]}`, 'the smaller number first');
    else if (range !== undefined && writable !== undefined) {
      const [low, high] = writable.range;
      if (range[0] < low || range[1] > high)
        wrong('.range', `${range[0]}..${range[1]}`, `within ${low}..${high} of the model`);
    }
    if (remote !== undefined && find(remote.point) === undefined)
      wrong('.remote.point', remote.point, 'a point of this edge');
    interlocks.forEach(({ point }, index) => {
      if (find(point) === undefined) wrong(`.interlocks[${index}].point`, point, 'a point of this edge');
    });
  }
  return mistakes;
}
