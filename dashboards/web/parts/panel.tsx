import type { ComponentChildren } from 'preact';
import type { Alarm } from '../../../contract/alarm.ts';
import { lampOf } from '../alarms.ts';
import { Glyph } from './glyph.tsx';
import { Icon } from './icon.tsx';

export interface PanelProps {
  readonly title: string;
  /** The other language's name or the scope, in grey. */
  readonly scope?: ComponentChildren;
  /** Right end of the head. */
  readonly aside?: ComponentChildren;
  /** The worst alarm of what the panel holds. */
  readonly worst?: Alarm | undefined;
  readonly class?: string;
  readonly id?: string;
  readonly children?: ComponentChildren;
}

/** The frame of everything on a page: glyph if it holds something abnormal, title, scope. No coloured borders. */
export function Panel({ title, scope, aside, worst, class: extra = '', id, children }: PanelProps) {
  return (
    <section class={`panel ${extra}`} aria-label={title} {...(id === undefined ? {} : { id })}>
      <header class="panel-head">
        {worst !== undefined && <Glyph priority={worst.priority} lamp={lampOf(worst)} size={16} />}
        <h2>{title}</h2>
        {scope !== undefined && <span class="scope">{scope}</span>}
        <span class="space" />
        {aside}
      </header>
      {children}
    </section>
  );
}

/** What is true, and one next step; no illustration. */
export function Empty({ what, why, children }: { what: string; why?: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <b>{what}</b>
      {why !== undefined && <span>{why}</span>}
      {children}
    </div>
  );
}

/** What failed, what still works, one action. */
export function Failure({
  what,
  still,
  label,
  onAgain,
}: {
  what: string;
  still: string;
  label: string;
  onAgain: () => void;
}) {
  return (
    <div class="empty" role="alert">
      <b>{what}</b>
      <span>{still}</span>
      <button type="button" class="button small" onClick={onAgain}>
        <Icon name="again" size={13} />
        {label}
      </button>
    </div>
  );
}

/** A grey place in the final size; no spinners. */
export function Skeleton({ rows, height = 20 }: { rows: number; height?: number }) {
  return (
    <div class="skeleton" aria-hidden="true">
      {Array.from({ length: rows }, (_, row) => (
        <i key={row} style={{ height: `${height}px` }} />
      ))}
    </div>
  );
}
