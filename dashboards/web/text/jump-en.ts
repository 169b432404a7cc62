/** Words of the search over everything and of the list of keys; `jump-zh.ts` has the same shape. */
export const jumpEn = {
  title: 'Search',
  what: 'Page, alarm, device or measurement',
  kinds: { page: 'page', alarm: 'alarm', device: 'device', point: 'measurement' },
  none: (wanted: string) => `Nothing is called “${wanted}”.`,
  noneWhy: 'Names, ids, places and measurements are searched, in both languages.',
  shownOf: (shown: number, count: number) =>
    count > shown ? `${shown} of ${count}, more words find less` : `${count}`,
  asking: 'Asking the gateway',
  onlyHeld: 'The gateway did not answer: only what this page holds.',
  choose: 'choose',
  open: 'open',
  closeIt: 'close',
  keys: 'Keys',
  allKeys: 'all keys',
  keysEverywhere: 'Everywhere',
  keysAlarms: 'On the alarms page',
  keysOff: 'Single-letter keys are switched off in the settings.',
  goTo: (page: string) => `go to ${page}`,
  thisList: 'this list',
  range: 'time range',
  filter: 'filter',
  back: 'close, back to the list',
  extend: 'select on',
};

export type JumpText = typeof jumpEn;
