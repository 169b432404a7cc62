/** Sealed files say which points they hold; those written before hold any. A hot table may be sealed and wait to be dropped. */
export const shards: readonly string[] = [
  `ALTER TABLE segments ADD COLUMN min_point INTEGER DEFAULT 0`,
  `ALTER TABLE segments ADD COLUMN max_point INTEGER DEFAULT 2147483647`,
  `ALTER TABLE hot_tables ADD COLUMN sealed UTINYINT DEFAULT 0`,
];
