import { hrefOf } from '../route.ts';
import { text } from '../state.ts';

/** The list and how well it works. */
export function AlarmTabs({ at, open }: { at: 'alarms' | 'performance'; open?: number }) {
  const words = text.value.performance;
  return (
    <nav class="tabs" aria-label={words.tabs}>
      <a href={hrefOf({ page: 'alarms' })} aria-current={at === 'alarms' ? 'page' : undefined}>
        {words.openTab}
        {open !== undefined && <b> {open}</b>}
      </a>
      <a href={hrefOf({ page: 'performance' })} aria-current={at === 'performance' ? 'page' : undefined}>
        {words.title}
      </a>
    </nav>
  );
}
