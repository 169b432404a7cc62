/**
 * The judge's state is written in parts, between commits: 20 MB at once held up a commit by a quarter of a second.
 * A row of `snapshots` says that the parts of its commit are complete; its own text is empty since.
 */
export const snapshotParts: readonly string[] = [
  `CREATE TABLE snapshot_parts (commit BIGINT NOT NULL, part INTEGER NOT NULL, state VARCHAR NOT NULL)`,
];
