import { signal } from '@preact/signals';

/** What lies over the page: the search over everything, or the list of keys. */
export const overlay = signal<'jump' | 'keys' | undefined>(undefined);
