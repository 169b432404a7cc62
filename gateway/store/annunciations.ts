import type { DuckDBConnection } from '@duckdb/node-api';
import { ALARM_NEWS, type Alarm, type JournalEntry, type Priority } from '../../contract/alarm.ts';
import { appendRows, int, type ListColumn, streamColumns } from './columns.ts';
import type { AnnunciationPage, Annunciations, Range } from './store.ts';

/** Who, for what the system did by itself. */
const SYSTEM = 'system';

/** Keeps what people were told and did, beside the journal. */
export async function writeAnnunciations(
  connection: DuckDBConnection,
  commit: number,
  journal: readonly JournalEntry[],
  alarms: readonly Alarm[],
): Promise<void> {
  const byId = new Map(alarms.map((alarm) => [alarm.id, alarm]));
  const lines = journal.flatMap((entry, n) => {
    const alarm = byId.get(entry.alarm);
    const isKept = alarm !== undefined && (entry.told !== undefined || entry.who !== SYSTEM);
    return isKept ? [{ entry, alarm, n }] : [];
  });
  const text = (of: (line: (typeof lines)[number]) => string): ListColumn => ({ type: 'text', values: lines.map(of) });
  const number = (of: (line: (typeof lines)[number]) => number): ListColumn => ({
    type: 'integer',
    values: lines.map(of),
  });
  await appendRows(connection, 'annunciations', [
    number(() => commit),
    number(({ n }) => n),
    text(({ alarm }) => alarm.id),
    number(({ entry }) => entry.at),
    number(({ entry }) => entry.recordedAt),
    number(({ entry }) => (entry.told === undefined ? 0 : ALARM_NEWS.indexOf(entry.told) + 1)),
    text(({ entry }) => entry.who),
    text(({ alarm }) => alarm.rule ?? `${alarm.asset}#${alarm.kind}`),
    text(({ alarm }) => alarm.asset),
    text(({ alarm }) => alarm.assetClass ?? ''),
    text(({ alarm }) => alarm.point ?? ''),
    text(({ alarm }) => alarm.kind),
    number(({ alarm }) => alarm.priority),
  ]);
}

/** Names are sent once, lines as numbers: a text a line would cost more than everything else. */
export async function annunciationsOf(
  connection: DuckDBConnection,
  { from, to }: Range,
  open: (names: Annunciations) => (page: AnnunciationPage) => void,
): Promise<void> {
  const range = `recorded >= ${int(from)} AND recorded < ${int(to)}`;
  const rows = async (sql: string) => (await connection.runAndReadAll(sql)).getRows() as (string | number)[][];
  const names = `SELECT rule, any_value(asset) AS asset, any_value(class) AS class, any_value(point) AS point,
      any_value(kind) AS kind, max(priority)::INTEGER AS priority FROM annunciations WHERE ${range} GROUP BY rule ORDER BY rule`;
  const rules = (await rows(names)).map(([rule, asset, assetClass, point, kind, priority]) => ({
    rule: rule as string,
    asset: asset as string,
    ...(assetClass === '' ? {} : { assetClass: assetClass as string }),
    ...(point === '' ? {} : { point: point as string }),
    kind: kind as string,
    priority: priority as Priority,
  }));
  const people = (
    await rows(`SELECT DISTINCT who FROM annunciations WHERE ${range} AND who <> '${SYSTEM}' ORDER BY who`)
  ).map(([who]) => who as string);
  const visit = open({ rules, people });
  await streamColumns(
    connection,
    `WITH rules AS (SELECT rule, (row_number() OVER (ORDER BY rule))::INTEGER - 1 AS row
         FROM (SELECT DISTINCT rule FROM annunciations WHERE ${range})),
       people AS (SELECT who, (row_number() OVER (ORDER BY who))::INTEGER - 1 AS row
         FROM (SELECT DISTINCT who FROM annunciations WHERE ${range} AND who <> '${SYSTEM}'))
     SELECT hash(l.alarm)::DOUBLE, rules.row, l.moment, l.recorded, l.told, coalesce(people.row, -1)::INTEGER
       FROM annunciations l JOIN rules USING (rule) LEFT JOIN people USING (who)
       WHERE ${range} ORDER BY l.commit, l.n`,
    ['double', 'integer', 'bigint', 'bigint', 'utinyint', 'integer'],
    ([alarm, rule, at, recordedAt, told, who], length) =>
      visit({ length, alarm, rule, at, recordedAt, told, who } as AnnunciationPage),
  );
}
