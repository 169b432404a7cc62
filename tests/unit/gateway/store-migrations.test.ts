import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, it } from 'vitest';
import { first } from '../../../gateway/store/migrations/0001-first.ts';
import { history } from '../../../gateway/store/migrations/0002-history.ts';
import { floods } from '../../../gateway/store/migrations/0006-floods.ts';
import { annunciations } from '../../../gateway/store/migrations/0007-annunciations.ts';

describe('a data folder of before floods and figures', () => {
  it('has its journal in the figures afterwards', async () => {
    const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
    const connection = await instance.connect();
    const run = async (statements: readonly string[]) => {
      for (const statement of statements) await connection.run(statement);
    };
    await run([...first, ...history]);
    const record = (more: object) =>
      JSON.stringify({ asset: 'fm-1', kind: 'high', priority: 2, raisedLate: false, ...more });
    for (const [id, more] of [
      ['a1', { rule: 'fm-1/flow#high', point: 'fm-1/flow', assetClass: 'flow-meter' }],
      ['late', { raisedLate: true }],
    ] as const)
      await connection.run(`INSERT INTO alarms VALUES ($1, 'high', 'fm-1', 2, 'normal', false, 0, $2)`, [
        id,
        record(more),
      ]);
    const lines = [
      ['a1', 'raise', 'system'],
      ['a1', 'suppress', 'system'],
      ['a1', 'comment', 'ann'],
      ['late', 'raise', 'system'],
    ] as const;
    for (const [n, [alarm, event, who]] of lines.entries())
      await connection.run(`INSERT INTO journal VALUES (1, ${n}, $1, 5, $2)`, [
        alarm,
        JSON.stringify({ alarm, at: 5, recordedAt: 6, event, who }),
      ]);
    await run([...floods, ...annunciations]);
    const rows = (
      await connection.runAndReadAll(
        'SELECT n, recorded::INTEGER, told, who, rule, class FROM annunciations ORDER BY n',
      )
    ).getRows();
    expect(rows).toEqual([
      [0, 6, 1, 'system', 'fm-1/flow#high', 'flow-meter'],
      [2, 6, 0, 'ann', 'fm-1/flow#high', 'flow-meter'],
    ]);
    connection.closeSync();
  });
});
