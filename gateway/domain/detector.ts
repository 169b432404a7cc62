import type { Millis } from '../../contract/time.ts';
import type { Evidence, Raise } from './alarm/occurrence.ts';
import type { Rule } from './plant.ts';

/** What a detector found; the judge turns it into the life of an alarm. */
export type Finding =
  | { readonly kind: 'raise'; readonly rule: Rule; readonly raise: Raise }
  /** More is known of an open alarm: its record changes, nobody is called again. `rule` is the key, as for `clear`. */
  | { readonly kind: 'update'; readonly rule: string; readonly evidence: Evidence }
  | { readonly kind: 'clear'; readonly rule: string; readonly at: Millis };

/**
 * Watches many points at once, in event time. Private state in place, otherwise pure: same start and same readings,
 * same findings.
 */
export interface Detector {
  /**
   * A point came up.
   *
   * @param unit - UCUM; undefined when nobody said
   * @returns true when its readings are wanted
   */
  pointKnown(pointId: string, id: number, unit?: string): boolean;
  /** A reading of a wanted point, late ones too. Quality as in contract/reading. */
  reading(id: number, ts: Millis, value: number, quality: number): void;
  /** Everything sampled until then has arrived. */
  advance(upTo: Millis): readonly Finding[];
  /**
   * Whether the alarm of this rule key is of something it still watches, so that it counts as configured.
   *
   * @param isActive - false: it has returned and waits for a person only
   */
  isOwn(key: string, isActive: boolean): boolean;
  snapshot(): unknown;
  restore(state: unknown): void;
}
