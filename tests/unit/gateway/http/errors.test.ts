import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PROBLEMS, Problem, problemBody, problemOf } from '../../../../gateway/http/problem.ts';

const ROOT = resolve(import.meta.dirname, '../../../..');
const page = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8');
const listed = [...page.matchAll(/^\| `([a-z-]+)` \|(?: (\d{3}) \|)?/gm)].map(([, code, status]) => ({
  code: code as string,
  status: status === undefined ? undefined : Number(status),
}));

/** Codes that error classes of ours carry, and reasons of rejection. */
function codesInSource(): Map<string, string> {
  const found = new Map<string, string>();
  for (const folder of ['contract', 'edge', 'gateway', 'simulators', 'cli']) {
    for (const name of readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.ts')) continue;
      const text = readFileSync(join(ROOT, folder, name), 'utf8');
      const places = [
        ...text.matchAll(/readonly code(?: =|:)((?:\s*\|?\s*'[a-z-]+')+)/g),
        ...text.matchAll(/type RejectReason =((?:\s*\|\s*'[a-z-]+')+)/g),
      ];
      for (const [, words] of places)
        for (const [, code] of (words as string).matchAll(/'([a-z-]+)'/g))
          found.set(code as string, join(folder, name));
    }
  }
  return found;
}

describe('docs/errors.md', () => {
  it('lists every code the HTTP door answers with, with its status', () => {
    const withStatus = listed.filter(({ status }) => status !== undefined);
    expect(Object.fromEntries(withStatus.map(({ code, status }) => [code, status]))).toEqual(
      Object.fromEntries(Object.entries(PROBLEMS).map(([code, { status }]) => [code, status])),
    );
  });

  it('lists every code of our error classes, and nothing that is gone', () => {
    const source = codesInSource();
    expect(source.size).toBeGreaterThan(15);
    const known = new Set(listed.map(({ code }) => code));
    expect([...source].filter(([code]) => !known.has(code)).map(([code, file]) => `${code} of ${file}`)).toEqual([]);
    const gone = listed.filter(({ code, status }) => status === undefined && !source.has(code));
    expect(gone.map(({ code }) => code)).toEqual([]);
  });
});

describe('a problem', () => {
  it('has the members of RFC 9457 and a code', () => {
    expect(problemBody(new Problem('alarm-unknown', 'x is no alarm here.'))).toEqual({
      type: 'urn:hanfeng:error:alarm-unknown',
      title: 'No such alarm',
      status: 404,
      detail: 'x is no alarm here.',
      code: 'alarm-unknown',
    });
  });

  it('is made of whatever was thrown, without inner detail of what we did not foresee', () => {
    for (const thrown of [
      undefined,
      null,
      'text',
      7,
      {},
      new Error('/secret'),
      { code: 'ENOENT', message: '/secret' },
    ]) {
      const problem = problemOf(thrown);
      expect(problem.code).toBe('internal');
      expect(problem.message).not.toContain('secret');
    }
  });
});
