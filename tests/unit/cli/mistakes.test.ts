import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { describeMistakes } from '../../../cli/mistakes.ts';
import { checkGateway } from '../../../gateway/check.ts';
import { removeFolder } from '../../support/folders.ts';

const root = resolve(import.meta.dirname, '../../..');

describe('a report of mistakes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hanfeng-mistakes-'));
  afterAll(() => removeFolder(folder));

  const report = (files: Readonly<Record<string, string>>) => {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const { mistakes } = checkGateway(join(folder, 'gateway.yaml'), root, {});
    return describeMistakes(mistakes).map((line) => line.replaceAll(`${folder}/`, ''));
  };

  it('names both places of a device that is declared in two files, by file, line and column', () => {
    const gateway = 'site: s\ndevices: [a.yaml, b.yaml, c.csv]\n';
    const a = '# meters\n- id: fm-1\n  class: flow-meter\n- id: fm-2\n  class: flow-meter\n';
    const b = 'devices:\n  - {id: fm-9, class: flow-meter}\n  - class: flow-meter\n    id: fm-2\n';
    const c = 'id;class\nfm-8;flow-meter\n\nfm-1;flow-meter\n';
    expect(report({ 'gateway.yaml': gateway, 'a.yaml': a, 'b.yaml': b, 'c.csv': c })).toEqual([
      'b.yaml:4:5: devices[1].id: found fm-2 again, allowed: one, it stands at a.yaml:4:3: [1].id',
      'c.csv:4:1: line 4.id: found fm-1 again, allowed: one, it stands at a.yaml:2:3: [0].id',
    ]);
  });

  it('names the line of a table beside what is wrong in it, and both in one file', () => {
    const gateway = 'site: s\ndevices: [c.csv]\n';
    const c = 'id,class\nfm-1,flow-meter\nfm 2,flow-meter\nfm-1,flow-meter\n';
    const lines = report({ 'gateway.yaml': gateway, 'c.csv': c });
    expect(lines[0]).toMatch(/^c\.csv:3:1: line 3\.id: found "fm 2", /);
    expect(lines[1]).toBe('c.csv:4:1: line 4.id: found fm-1 again, allowed: one, it stands at c.csv:2:1: line 2.id');
  });
});
