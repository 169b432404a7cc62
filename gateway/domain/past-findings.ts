import type { Millis } from '../../contract/time.ts';
import type { Raise } from './alarm/occurrence.ts';
import type { Finding } from './detector.ts';
import type { Rule } from './plant.ts';

/** Who writes down what was found in history. */
export interface PastSink {
  /** Journalled as raised late; nobody is called. @returns its id */
  foundLate(rule: Rule, raise: Raise): string;
  returnedLate(id: string, at: Millis): void;
  raise(rule: Rule, raise: Raise): void;
}

/**
 * Findings of stored history, in their order: what ended within it is journalled as raised late and never rings; what still
 * holds at its end is an alarm like any other, whenever it began.
 */
export function tellPast(findings: readonly Finding[], sink: PastSink): void {
  const open = new Map<string, { readonly rule: Rule; readonly raise: Raise }>();
  for (const finding of findings) {
    if (finding.kind === 'raise') {
      open.set(finding.rule.key, finding);
      continue;
    }
    const begun = open.get(finding.rule);
    if (begun === undefined) continue;
    if (finding.kind === 'update') {
      open.set(finding.rule, { ...begun, raise: { ...begun.raise, evidence: updated(begun.raise, finding.evidence) } });
      continue;
    }
    open.delete(finding.rule);
    sink.returnedLate(sink.foundLate(begun.rule, begun.raise), finding.at);
  }
  for (const { rule, raise } of open.values()) sink.raise(rule, raise);
}

function updated({ evidence }: Raise, news: Raise['evidence']): Raise['evidence'] {
  return { ...evidence, ...news, details: { ...evidence.details, ...news.details } };
}
