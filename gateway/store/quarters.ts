/** Length of a rollup's slot. */
export const QUARTER_MS = 900_000;

/** `point, ts` (start of the quarter) and what adds up: `min, max, sum, readings, last, last_ts, worst`. */
export function quarterSums(relation: string): string {
  return `SELECT point, (ts // ${QUARTER_MS})::BIGINT * ${QUARTER_MS} AS ts, min(value) AS min, max(value) AS max,
      sum(value) AS sum, count(*) AS readings, arg_max(value, ts) AS last, max(ts) AS last_ts, max(quality) AS worst
    FROM (${relation}) WHERE quality < 2 AND NOT isnan(value) GROUP BY ALL`;
}

/** The same columns of slots of `lengthMs`, from rows of {@link quarterSums} of which several may be of one slot. */
export function sumsOfSums(relation: string, lengthMs: number): string {
  return `SELECT point, (ts // ${lengthMs})::BIGINT * ${lengthMs} AS ts, min(min) AS min, max(max) AS max, sum(sum) AS sum,
      sum(readings)::BIGINT AS readings, arg_max(last, last_ts) AS last, max(last_ts) AS last_ts, max(worst) AS worst
    FROM (${relation}) GROUP BY ALL`;
}
