// Reads vitest's JSON reports for .ci/run.
//   failed REPORT          the files that failed, one a line
//   count REPORT [AGAIN]   "passed failed skipped"; a file of AGAIN counts as it went there
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

const [what, first, again] = process.argv.slice(2);

/** The test files of a report; undefined when there is none that can be read. */
function filesOf(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).testResults;
  } catch {
    return undefined;
  }
}

const has = (file, status) => file.assertionResults.filter((test) => test.status === status).length;
/** A file that failed outside its tests (an import, a hook) counts as one failure. */
const failuresOf = (file) => has(file, 'failed') || (file.status === 'failed' ? 1 : 0);

const files = filesOf(first);
if (what === 'failed') {
  for (const file of files ?? []) if (failuresOf(file) > 0) console.log(relative(process.cwd(), file.name));
} else if (files === undefined) {
  console.log('0 1 0');
} else {
  const second = new Map((filesOf(again) ?? []).map((file) => [file.name, file]));
  const counted = files.map((file) => second.get(file.name) ?? file);
  for (const file of files)
    if (second.has(file.name) && failuresOf(second.get(file.name)) === 0)
      console.error(`== passed only the second time: ${relative(process.cwd(), file.name)}`);
  const sum = (of) => counted.reduce((total, file) => total + of(file), 0);
  const skipped = sum((file) => has(file, 'pending') + has(file, 'skipped') + has(file, 'todo'));
  console.log(
    sum((file) => has(file, 'passed')),
    sum(failuresOf),
    skipped,
  );
}
