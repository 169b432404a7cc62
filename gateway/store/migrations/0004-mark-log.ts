/**
 * Every commit moves marks, and an update has to wait for a checkpoint, so they are appended here; the newest commit of
 * a key counts before `marks`, where each snapshot folds them in.
 */
export const markLog: readonly string[] = [
  `CREATE TABLE mark_log (commit BIGINT NOT NULL, key VARCHAR NOT NULL, record VARCHAR NOT NULL)`,
];
