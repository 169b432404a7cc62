/** What the stand-in for the gateway tells of leakage and of how well the alarms work: one of every state, small enough to read. */

const DAY = 86_400_000;
const iso = (timeMs: number) => new Date(timeMs).toISOString();

export function fakeZones(): readonly Record<string, unknown>[] {
  return [
    { zone: 'dma-4', name: 'Harbour', state: 'leak', daysLeft: 0, nightFlow: 31.2, size: 12.4, lostM3: 62 },
    { zone: 'dma-7', name: 'Binhu East', state: 'watching', daysLeft: 0, nightFlow: 18.1, size: 0, lostM3: 0 },
    { zone: 'dma-9', name: 'Anzhen', state: 'learning', daysLeft: 9, size: 0, lostM3: 0 },
  ];
}

export function fakeFigures(): Record<string, unknown> {
  const now = Date.now();
  const figure = (value: number, unit: string, origin: string, basis?: string) => ({ value, unit, origin, basis });
  const volume = (value: number, coverage = 1) => ({
    ...figure(value, 'm3', coverage === 1 ? 'measured' : 'estimated'),
    coverage,
    source: 'register',
    resets: 0,
    doubtfulHours: 0,
  });
  const periods = [
    { period: '2026-10', from: iso(now - 60 * DAY), to: iso(now - 30 * DAY) },
    { period: '2026-11', from: iso(now - 30 * DAY), to: iso(now) },
  ];
  return {
    zones: periods.flatMap((period) => [
      {
        ...period,
        zone: 'dma-4',
        name: 'Harbour',
        days: 30,
        supplied: volume(48_000, 0.9),
        registered: volume(42_000),
        balance: { authorisedM3: 42_100, lossesM3: 5_900, apparentM3: 900, realM3: 5_000, nonRevenueM3: 6_000 },
        rates: [
          { basis: 'gross', percent: 12.5 },
          { basis: 'corrected', percent: 10.5, grade: 'II' },
        ],
        shown: 'corrected',
        nightFlow: figure(31.2, 'm3/h', 'measured', 'least mean over one hour of each night, mean of the nights'),
        uarl: figure(96, 'm3/day', 'computed', '(18 Lm + 0.8 Nc + 25 Lp) P'),
        ili: { ...figure(1.7, '1', 'computed', 'real losses by the water balance'), band: 'A' },
        missing: [],
      },
      {
        ...period,
        zone: 'dma-9',
        name: 'Anzhen',
        days: 30,
        supplied: volume(21_000),
        rates: [],
        nightFlow: figure(12.3, 'm3/h', 'measured'),
        missing: [
          { figure: 'registered', reason: 'no customer meters are configured' },
          { figure: 'rate', reason: 'needs the supplied and the registered volume' },
          { figure: 'ili', reason: 'outside the limits of the formula: fewer than 3000 connections' },
        ],
      },
    ]),
    network: periods.map(({ period }) => ({
      period,
      zones: 1,
      suppliedM3: 69_000,
      realM3: 5_000,
      rate: { basis: 'gross', percent: 12.5 },
      missing: [],
    })),
  };
}

export function fakeWhatIf(sensitivity: number): Record<string, unknown> {
  const now = Date.now();
  const alarm = (raisedAt: number) => ({
    zone: 'dma-4',
    kind: 'abrupt',
    raisedAt: iso(raisedAt),
    since: iso(now - 9 * DAY),
    sizeM3PerH: 12.4,
    location: 'dma-4',
  });
  const changed = sensitivity > 1 ? [alarm(now - 8.5 * DAY)] : [];
  return {
    from: iso(now - 31 * DAY),
    to: iso(now),
    usual: 1,
    changed: changed.length,
    rows: [{ usual: alarm(now - 8 * DAY), ...(changed[0] === undefined ? {} : { changed: changed[0] }) }],
    learning: ['dma-9'],
  };
}

export function fakePerformance(): Record<string, unknown> {
  const now = Date.now();
  const share = (count: number) => ({ count, share: count / 40 });
  const figures = {
    raised: 40,
    rate: { perTenMinutes: 0.04, perHour: 0.24, perDay: 5.7 },
    upset: 6,
    peakTenMinutes: 14,
    floodCount: 1,
    shareOfTimeInFlood: 0.004,
    chatteringCount: 1,
    fleetingCount: 0,
    staleCount: 1,
    priorities: { 1: share(1), 2: share(4), 3: share(15), 4: share(20) },
    timeToAcknowledge: { count: 12, medianMs: 240_000, p90Ms: 900_000, maxMs: 5_400_000 },
    timeToNormal: { count: 0 },
    targets: [
      { name: 'mean per 10 minutes', value: 0.04, target: '1 (2 at most)', met: true, source: 'ISA-18.2; EEMUA 191' },
      { name: 'chattering rules', value: 1, target: '0', met: false, source: 'ISA-18.2' },
    ],
  };
  const door = { rule: 'bs-042/load#high', asset: 'bs-042', point: 'bs-042/load', kind: 'high', count: 31 };
  return {
    ...figures,
    from: iso(now - 7 * DAY),
    to: iso(now),
    slots: Array.from({ length: 1008 }, (_, slot) => (slot === 400 ? 14 : slot % 40 === 0 ? 1 : 0)),
    shareOfSlotsAboveTen: 0.001,
    floods: [{ from: iso(now - 4 * DAY), to: iso(now - 4 * DAY + 1_800_000), alarms: 22, peak: 14 }],
    topTen: [{ ...door, share: 0.775 }],
    chattering: [
      {
        ...door,
        worstPerMinute: 5,
        advice: 'a deadband of 12 kVA would have made 2 alarms out of 31',
        remedies: { deadband: { value: 12, alarms: 2, of: 31 }, offDelay: { value: 60_000, alarms: 3, of: 31 } },
        lastAt: iso(now - DAY),
      },
    ],
    fleeting: [],
    stale: [{ alarm: 'p3-1', asset: 'bs-042', kind: 'state', since: iso(now - 3 * DAY), advice: 'repair it' }],
    operators: [{ who: 'duty-1', actions: 14, acknowledged: 12, timeToAcknowledge: figures.timeToAcknowledge }],
    groups: [
      { group: 'water', ...figures },
      { group: 'power', ...figures, raised: 3 },
    ],
  };
}
