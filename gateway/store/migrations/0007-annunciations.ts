/**
 * What people were told and did, in columns: the figures of a year are summed from it without a JSON text a line.
 * `told`: 0 nothing, then the words of `ALARM_NEWS` from 1 on. What is there already is taken over from the journal.
 */
export const annunciations: readonly string[] = [
  `CREATE TABLE annunciations (
     commit BIGINT NOT NULL, n INTEGER NOT NULL, alarm VARCHAR NOT NULL, moment BIGINT NOT NULL, recorded BIGINT NOT NULL,
     told UTINYINT NOT NULL, who VARCHAR NOT NULL, rule VARCHAR NOT NULL, asset VARCHAR NOT NULL, class VARCHAR NOT NULL,
     point VARCHAR NOT NULL, kind VARCHAR NOT NULL, priority UTINYINT NOT NULL)`,
  `INSERT INTO annunciations
     SELECT * FROM (
       SELECT j.commit, j.n, j.alarm, (j.record->>'$.at')::BIGINT AS moment, (j.record->>'$.recordedAt')::BIGINT AS recorded,
         CASE j.record->>'$.event' WHEN 'raise' THEN 1 WHEN 're-raise' THEN 2 WHEN 're-alarm' THEN 2
           WHEN 'return' THEN 3 WHEN 'acknowledge' THEN 4 ELSE 0 END AS told,
         j.record->>'$.who' AS who, coalesce(a.record->>'$.rule', a.asset || '#' || a.kind) AS rule, a.asset,
         coalesce(a.record->>'$.assetClass', '') AS class, coalesce(a.record->>'$.point', '') AS point, a.kind, a.priority
       FROM journal j JOIN alarms a ON a.id = j.alarm
       WHERE a.record->>'$.raisedLate' = 'false')
     WHERE told > 0 OR who <> 'system'`,
];
