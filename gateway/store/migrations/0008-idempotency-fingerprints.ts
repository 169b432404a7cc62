/** A key says what it was used for; of those from before nobody knows. */
export const idempotencyFingerprints: readonly string[] = [
  `ALTER TABLE idempotency_keys ADD COLUMN fingerprint VARCHAR DEFAULT ''`,
];
