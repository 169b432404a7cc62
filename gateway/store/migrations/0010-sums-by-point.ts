/** Size of the copy of a file of sums that finds a point's rows at once; those of before have none until they are tidied. */
export const sumsByPoint: readonly string[] = [`ALTER TABLE segments ADD COLUMN by_point_bytes BIGINT DEFAULT 0`];
