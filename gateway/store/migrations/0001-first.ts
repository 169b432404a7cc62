/**
 * The first shape of the data folder. Small tables keep the record as JSON text beside the columns we search by;
 * `hot_<n>` tables hold readings in arrival order, without a key: its index would cost more than the data.
 */
export const first: readonly string[] = [
  `CREATE TABLE meta (key VARCHAR PRIMARY KEY, value VARCHAR NOT NULL)`,
  `CREATE TABLE commits (number BIGINT NOT NULL, moment BIGINT NOT NULL, inputs VARCHAR NOT NULL)`,
  `CREATE TABLE snapshots (commit BIGINT NOT NULL, state VARCHAR NOT NULL)`,
  `CREATE TABLE devices (id VARCHAR PRIMARY KEY, record VARCHAR NOT NULL)`,
  `CREATE TABLE points (id INTEGER PRIMARY KEY, record VARCHAR NOT NULL)`,
  `CREATE TABLE sources (id INTEGER PRIMARY KEY, record VARCHAR NOT NULL)`,
  `CREATE TABLE edges (id VARCHAR PRIMARY KEY, record VARCHAR NOT NULL)`,
  `CREATE TABLE marks (key VARCHAR PRIMARY KEY, record VARCHAR NOT NULL)`,
  `CREATE TABLE alarms (
     id VARCHAR PRIMARY KEY, kind VARCHAR NOT NULL, asset VARCHAR NOT NULL, priority UTINYINT NOT NULL,
     state VARCHAR NOT NULL, open BOOLEAN NOT NULL, raised_at BIGINT NOT NULL, record VARCHAR NOT NULL)`,
  `CREATE TABLE journal (
     commit BIGINT NOT NULL, n INTEGER NOT NULL, alarm VARCHAR NOT NULL, moment BIGINT NOT NULL, record VARCHAR NOT NULL)`,
  `CREATE TABLE notifications (
     id VARCHAR PRIMARY KEY, alarm VARCHAR NOT NULL, state VARCHAR NOT NULL, due_at BIGINT NOT NULL, record VARCHAR NOT NULL)`,
  `CREATE TABLE dead_letters (
     commit BIGINT NOT NULL, n INTEGER NOT NULL, id VARCHAR NOT NULL, reason VARCHAR NOT NULL, record VARCHAR NOT NULL)`,
  `CREATE TABLE audit (commit BIGINT NOT NULL, n INTEGER NOT NULL, moment BIGINT NOT NULL, record VARCHAR NOT NULL)`,
  `CREATE TABLE idempotency_keys (key VARCHAR PRIMARY KEY, moment BIGINT NOT NULL)`,
  `CREATE TABLE hot_tables (n INTEGER PRIMARY KEY, first_commit BIGINT NOT NULL)`,
  `CREATE TABLE hot_1 (
     commit BIGINT NOT NULL, point INTEGER NOT NULL, ts BIGINT NOT NULL, value DOUBLE NOT NULL,
     quality UTINYINT NOT NULL, reason UTINYINT NOT NULL)`,
  `INSERT INTO hot_tables VALUES (1, 1)`,
];
