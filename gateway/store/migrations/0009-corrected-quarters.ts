/** Quarters of an hour of open days in which a moment was stored twice: their sums count both until the day is closed. */
export const correctedQuarters: readonly string[] = [`CREATE TABLE corrected_quarters (ts BIGINT NOT NULL)`];
