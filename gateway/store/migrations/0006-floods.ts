/** Floods of alarms, with the moments they are looked up by. */
export const floods: readonly string[] = [
  `CREATE TABLE floods (id VARCHAR PRIMARY KEY, began BIGINT NOT NULL, ended BIGINT NOT NULL, record VARCHAR NOT NULL)`,
];
