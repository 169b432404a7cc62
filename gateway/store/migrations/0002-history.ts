/** Readings move from hot tables into Parquet files; the manifest says which files count. */
export const history: readonly string[] = [
  `CREATE TABLE segments (
     id INTEGER PRIMARY KEY, kind VARCHAR NOT NULL, day INTEGER NOT NULL, level UTINYINT NOT NULL, file VARCHAR NOT NULL,
     readings BIGINT NOT NULL, bytes BIGINT NOT NULL, min_ts BIGINT NOT NULL, max_ts BIGINT NOT NULL,
     first_commit BIGINT NOT NULL, last_commit BIGINT NOT NULL, state VARCHAR NOT NULL)`,
];
