import type { Performance } from './performance.ts';

/** One figure against what the standards ask for. */
export interface Target {
  readonly name: string;
  readonly value: number;
  readonly target: string;
  readonly met: boolean;
  /** The standard the number comes from, quoted from secondary sources (prosys.com, resources.pas.com). */
  readonly source: string;
}

const ISA = 'ISA-18.2, monitoring and assessment';

/** Of fewer alarms a share says nothing: one of three is no third. */
const SHARE_ALARMS_MIN = 100;

/** The figures of a range against ISA-18.2 / IEC 62682 and EEMUA 191. */
export function targetsOf(figures: Omit<Performance, 'targets'>): Target[] {
  const { rate, upset, shareOfTimeInFlood, shareOfSlotsAboveTen, priorities, topTen, staleCount, raised } = figures;
  const topShare = topTen.reduce((sum, { share }) => sum + share, 0);
  const atMost = (name: string, value: number, limit: number, target: string, source: string): Target => ({
    name,
    value,
    target,
    met: value <= limit,
    source,
  });
  const shareAtMost = (name: string, value: number, limit: number, target: string, source: string): Target => ({
    ...atMost(name, value, limit, target, source),
    ...(raised < SHARE_ALARMS_MIN
      ? { met: true, target: `${target} (judged from ${SHARE_ALARMS_MIN} alarms on)` }
      : {}),
  });
  return [
    atMost('mean per 10 minutes', rate.perTenMinutes, 1, '1 (2 at most)', `${ISA}; EEMUA 191`),
    atMost('mean per day', rate.perDay, 144, '144', 'IEC 62682:2014; no longer in ISA-18.2-2016'),
    atMost('busiest 10 minutes of a day', upset, 10, '10', 'EEMUA 191, 3rd edition: steady and upset apart'),
    atMost('share of 10-minute slots above 10', shareOfSlotsAboveTen, 0.01, '1 %', ISA),
    atMost('share of time in flood', shareOfTimeInFlood, 0.01, '1 %', ISA),
    shareAtMost('share of the ten loudest rules', topShare, 0.05, '1-5 %', ISA),
    atMost('chattering rules', figures.chatteringCount, 0, '0', ISA),
    atMost('fleeting rules', figures.fleetingCount, 0, '0', ISA),
    atMost('stale alarms', staleCount, 4, 'fewer than 5 on any day', ISA),
    shareAtMost('share of priority 1', priorities[1].share, 0.01, 'below 1 % of four priorities', ISA),
    shareAtMost('share of priority 2', priorities[2].share, 0.05, 'about 5 %', `${ISA}; EEMUA 191`),
    shareAtMost('share of priority 3', priorities[3].share, 0.15, 'about 15 %', `${ISA}; EEMUA 191`),
  ];
}
