import { computed, signal } from '@preact/signals';
import { route } from '../state.ts';

const asked = (search: string) => new URLSearchParams(search).get('kiosk') === 'wall';

/** `?kiosk=wall` in the address: it stays when the page is loaded anew, as a screen on a wall is. */
const isAsked = signal(asked(location.search));

/** The overview on a wall: nothing to press, everything larger. Other pages stay as they are. */
export const isWall = computed(() => isAsked.value && route.value.page === 'overview');

/** On the overview: to the wall and back. */
export function toggleWall(): void {
  if (route.peek().page !== 'overview') return;
  const address = new URL(location.href);
  if (isAsked.peek()) address.searchParams.delete('kiosk');
  else address.searchParams.set('kiosk', 'wall');
  history.replaceState(history.state, '', address);
  isAsked.value = asked(address.search);
}
