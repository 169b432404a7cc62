import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const CODE_FOLDERS = ['contract', 'edge', 'gateway', 'dashboards/web', 'simulators', 'cli', 'bench'];

interface Import {
  readonly file: string;
  readonly target: string;
  readonly typeOnly: boolean;
}

/** Who may import what (ARCHITECTURE.md, invariants). `own` = its own folder; packages are checked apart. */
const MAY_IMPORT: readonly { readonly folder: string; readonly allowed: readonly string[] }[] = [
  { folder: 'contract', allowed: ['contract'] },
  { folder: 'gateway/domain', allowed: ['gateway/domain', 'contract'] },
  { folder: 'gateway', allowed: ['gateway', 'contract'] },
  { folder: 'edge', allowed: ['edge', 'contract'] },
  { folder: 'dashboards/web', allowed: ['dashboards/web', 'contract'] },
  {
    folder: 'simulators',
    allowed: [
      'simulators',
      'contract/units.ts',
      'contract/time.ts',
      'contract/mistakes.ts',
      'contract/yaml.ts',
      'contract/settings.ts',
    ],
  },
];

/** Folders and files of the gateway that know each other only by type, or by the port that is handed to them. */
const BY_TYPE_ONLY: readonly (readonly [from: string, to: string])[] = [
  ['gateway/store', 'gateway/notify'],
  ['gateway/store', 'gateway/http'],
  ['gateway/notify', 'gateway/store'],
  ['gateway/notify', 'gateway/http'],
  ['gateway/http', 'gateway/notify'],
  ['gateway/http', 'gateway/store'],
  ['gateway/broker.ts', 'gateway/store'],
  ['gateway/subscriber.ts', 'gateway/store'],
  ['gateway/ingest.ts', 'gateway/store'],
  ['gateway/ingest.ts', 'gateway/notify'],
  ['gateway/ingest.ts', 'gateway/http'],
];

function filesIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name) && !name.includes('node_modules'))
    .map((name) => join(folder, name));
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const found = text.matchAll(
    /^\s*(?:import|export)\s+(type\s+)?[^'"]*?from\s+['"]([^'"]+)['"]|import\(['"]([^'"]+)['"]\)/gm,
  );
  return [...found].map(([, typeOnly, from, dynamic]) => {
    const specifier = (from ?? dynamic) as string;
    const target = specifier.startsWith('.') ? relative(ROOT, resolve(ROOT, dirname(file), specifier)) : specifier;
    return { file, target, typeOnly: typeOnly !== undefined };
  });
}

const inside = (path: string, folder: string) => path === folder || path.startsWith(`${folder}/`);
const ours = (target: string) => CODE_FOLDERS.some((folder) => inside(target, folder));
const imports = CODE_FOLDERS.flatMap(filesIn).flatMap(importsOf);

describe('the house', () => {
  it('has imports to check', () => {
    expect(imports.length).toBeGreaterThan(10);
  });

  for (const { folder, allowed } of MAY_IMPORT) {
    it(`${folder}/ imports only ${allowed.join(', ')}`, () => {
      const wrong = imports
        .filter(({ file, target }) => inside(file, folder) && ours(target) && !allowed.some((to) => inside(target, to)))
        .map(({ file, target }) => `${file} imports ${target}`);
      expect(wrong).toEqual([]);
    });
  }

  it('gateway/domain/ and contract/ touch nothing of the world', () => {
    const wrong = imports
      .filter(
        ({ file, target }) => (inside(file, 'gateway/domain') || inside(file, 'contract')) && !target.includes('.ts'),
      )
      .filter(({ target }) => !['zod', 'yaml', '@marcbachmann/cel-js', 'suncalc'].includes(target))
      .map(({ file, target }) => `${file} imports ${target}`);
    expect(wrong).toEqual([]);
    for (const file of [...filesIn('gateway/domain'), ...filesIn('contract')]) {
      const text = readFileSync(join(ROOT, file), 'utf8');
      expect(text, file).not.toMatch(
        /\bDate\.now\(|\bnew Date\(\)|Math\.random\(|\bsetTimeout\(|\bsetInterval\(|\bconsole\./,
      );
    }
  });

  for (const [from, to] of BY_TYPE_ONLY) {
    it(`${from} knows ${to}/ by its types only`, () => {
      // A port's error class is part of the port.
      const ports = ['gateway/store/store.ts', 'gateway/notify/channel.ts'];
      const wrong = imports
        .filter(
          ({ file, target, typeOnly }) =>
            inside(file, from) && inside(target, to) && !typeOnly && !ports.includes(target),
        )
        .map(({ file, target }) => `${file} imports ${target}`);
      expect(wrong).toEqual([]);
    });
  }

  it('the browser gets nothing of node', () => {
    const wrong = imports
      .filter(
        ({ file, target }) =>
          inside(file, 'dashboards/web') && target.startsWith('node:') && !file.endsWith('vite.config.ts'),
      )
      .map(({ file, target }) => `${file} imports ${target}`);
    expect(wrong).toEqual([]);
  });

  it('documents name only files that are there', () => {
    const missing = MARKDOWN.flatMap((page) => {
      const text = readFileSync(join(ROOT, page), 'utf8');
      const named = [...text.matchAll(/`([\w./@-]+\.(?:tsx?|mjs|ya?ml|md))`|\]\(([\w./-]+)[)#]/g)];
      return named.flatMap(([, file, link]) => {
        const name = (file ?? link) as string;
        const beside = relative(ROOT, resolve(ROOT, dirname(page), name));
        const isThere = ELSEWHERE.has(name) || there.has(beside) || there.has(name) || ends.has(name);
        return isThere ? [] : [`${page} names ${name}`];
      });
    });
    expect(missing).toEqual([]);
  });
});

/** Files that documents name and that are not ours: of a reader, or beside this folder. */
const ELSEWHERE = new Set(['my-maker-my-model.yaml', 'score-leaks.mjs']);
const NOT_OURS = /(?:^|\/)(?:node_modules|dist|data|\.git)(?:\/|$)/;

const there = new Set(['.', ...everythingIn('.')]);
/** Every end of a path that begins with a name: `alarm/ledger.ts`. */
const ends = new Set(
  [...there].flatMap((path) => {
    const names = path.split('/');
    return names.map((_, from) => names.slice(from).join('/'));
  }),
);
const MARKDOWN = [...there].filter((path) => path.endsWith('.md'));

function everythingIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '.' ? entry.name : `${folder}/${entry.name}`;
    if (NOT_OURS.test(path)) return [];
    return entry.isDirectory() ? [path, ...everythingIn(path)] : [path];
  });
}
