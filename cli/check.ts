import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { parse } from 'yaml';
import type { Mistake } from '../contract/mistakes.ts';
import { checkEdge } from '../edge/check.ts';
import { parseModel } from '../edge/model.ts';
import { checkDataFile, checkGatewayAndModels, type OpenChanges } from '../gateway/check.ts';
import { changesAt } from '../gateway/check-against.ts';
import { checkSimulation } from '../simulators/check.ts';
import { checkAsserted, parseScenario } from '../simulators/scenario.ts';
import { describeMistakes } from './mistakes.ts';

interface Findings {
  readonly mistakes: readonly Mistake[];
  /** Figures worth knowing that are no mistakes, such as a line's time budget. */
  readonly notes: readonly string[];
}
type Env = Readonly<Record<string, string | undefined>>;

/** Whose run-time changes a gateway's files are compared with, when not those of its own data folder. */
export interface Against {
  /** Address of a running gateway, or a data folder. */
  readonly against?: string;
  readonly tokenFile?: string;
}

/**
 * Checks files of any kind and prints every mistake of all of them.
 *
 * @returns exit code: 0 when there is none, 2 otherwise
 * @throws Error when the gateway to compare with can't be asked
 */
export async function checkFiles(
  files: readonly string[],
  root: string,
  env: Env,
  { against, tokenFile }: Against = {},
): Promise<number> {
  let mistakes = 0;
  const token = tokenFile === undefined ? undefined : readFileSync(tokenFile, 'utf8').trim();
  const changes = against === undefined ? undefined : await changesAt(against, token);
  for (const file of files) {
    const findings = await checkFile(file, root, env, changes);
    for (const line of describeMistakes(findings.mistakes)) process.stdout.write(`${line}\n`);
    for (const note of findings.notes) process.stdout.write(`${file}: ${note}\n`);
    mistakes += findings.mistakes.length;
  }
  process.stdout.write(
    mistakes === 0
      ? `${files.length === 1 ? 'no mistakes' : `${files.length} files, no mistakes`}\n`
      : `${mistakes} mistake${mistakes === 1 ? '' : 's'}\n`,
  );
  return mistakes === 0 ? 0 : 2;
}

function checkFile(file: string, root: string, env: Env, changes?: OpenChanges): Findings | Promise<Findings> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return {
      mistakes: [
        {
          file,
          path: '',
          found: (error as NodeJS.ErrnoException).code ?? String(error),
          allowed: 'a file that can be read',
        },
      ],
      notes: [],
    };
  }
  switch (kindOf(file, text)) {
    case 'edge':
      return checkEdge(text, file, root);
    case 'simulation':
      return checkSimulation(text, file, root);
    case 'scenario':
      return { mistakes: parseScenario(text, file).mistakes, notes: [] };
    case 'asserted':
      return { mistakes: checkAsserted(text, file), notes: [] };
    case 'model':
      return { mistakes: parseModel(file, text).mistakes, notes: [] };
    case 'data':
      return checkDataFile(text, file, root);
    case 'gateway':
      return checkGatewayAndModels(file, root, env, changes);
  }
}

type Kind = 'edge' | 'gateway' | 'simulation' | 'scenario' | 'asserted' | 'model' | 'data';

/** What a file is, by the keys that stand in it; a file that fits nothing is judged as a gateway's. */
function kindOf(file: string, text: string): Kind {
  if (file.endsWith('.csv')) return 'data';
  let value: unknown;
  try {
    value = parse(text, { merge: true });
  } catch {
    // The checker of the kind says where the syntax is wrong; the name tells the kind.
    const name = basename(file);
    if (name.startsWith('edge')) return 'edge';
    return name.startsWith('simulat') ? 'simulation' : 'gateway';
  }
  if (Array.isArray(value)) return 'data';
  const has = (...keys: readonly string[]) =>
    typeof value === 'object' && value !== null && keys.some((key) => key in value);
  if (has('timeline', 'must', 'mustNot')) return 'scenario';
  if (has('asserted')) return 'asserted';
  if (has('model', 'maker')) return 'model';
  if (has('class')) return 'data';
  if (has('control', 'publishers', 'seed')) return 'simulation';
  if (has('edge', 'lines')) return 'edge';
  return 'gateway';
}
