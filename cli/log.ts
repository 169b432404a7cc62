import { type Logger, pino } from 'pino';

const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

/** One JSON line per event on standard error; secrets never enter it. */
export function createLog(process: string, env: Readonly<Record<string, string | undefined>>): Logger {
  const wanted = env.HANFENG_LOG_LEVEL ?? 'info';
  const log = pino(
    {
      level: LEVELS.includes(wanted) ? wanted : 'info',
      base: { process },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: ['password', '*.password', '*.secret', '*.token', 'headers.authorization', 'headers.cookie'],
        censor: '***',
      },
    },
    pino.destination({ fd: 2, sync: true }),
  );
  if (!LEVELS.includes(wanted))
    log.warn({ found: wanted, allowed: LEVELS }, 'HANFENG_LOG_LEVEL is not a level; using info');
  return log;
}
