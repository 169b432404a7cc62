/** Line icons on a 24 x 24 field, drawn in the colour of the text. */
const PATHS = {
  overview: 'M3 10.5 12 4l9 6.5V20H3zM3 15c3-2 6 2 9 0s6-2 9 0',
  leakage: 'M12 3.500c3.500 4.300 6 7.400 6 10.700a6 6 0 0 1-12 0c0-3.300 2.500-6.400 6-10.700zM9 14.500a3 3 0 0 0 3 3',
  download: 'M12 4v11M7.500 11l4.500 4.500 4.500-4.500M5 20h14',
  alarms: 'M6 16v-5a6 6 0 0 1 12 0v5l2 2.500H4zM10 21h4',
  explore: 'M3 20h18M4 16l5-6 4 3 7-8',
  settings: 'M4 7h9M17 7h3M4 17h3M11 17h9M17 7a2 2 0 1 1-4 0 2 2 0 0 1 4 0zM11 17a2 2 0 1 1-4 0 2 2 0 0 1 4 0z',
  sound: 'M4 9.500v5h3.500L12 18.500v-13L7.500 9.500zM15.500 9a4 4 0 0 1 0 6M18 6.500a7.500 7.500 0 0 1 0 11',
  muted: 'M4 9.500v5h3.500L12 18.500v-13L7.500 9.500zM16 9.500l5 5M21 9.500l-5 5',
  clock: 'M12 3.500a8.500 8.500 0 1 0 0 17 8.500 8.500 0 0 0 0-17zM12 7v5l3.500 2',
  down: 'M7 10l5 5 5-5',
  left: 'M14.500 6l-6 6 6 6',
  right: 'M9.500 6l6 6-6 6',
  signal:
    'M12 13v8M8 21h8M14 10a2 2 0 1 1-4 0 2 2 0 0 1 4 0zM7.500 14.500a6.400 6.400 0 0 1 0-9M16.500 5.500a6.400 6.400 0 0 1 0 9M4.700 17.300a10.300 10.300 0 0 1 0-14.600M19.300 2.700a10.300 10.300 0 0 1 0 14.600',
  check: 'M5 12.500l4.500 4.500L19 7',
  close: 'M6 6l12 12M18 6L6 18',
  search: 'M16.500 16.500 21 21M18 11a7 7 0 1 1-14 0 7 7 0 0 1 14 0z',
  again: 'M20 12a8 8 0 1 1-2.500-5.800M20 3v4.500h-4.500',
  user: 'M16 8a4 4 0 1 1-8 0 4 4 0 0 1 8 0zM4.500 20.500c1-4 4-6 7.500-6s6.500 2 7.500 6',
  star: 'M12 4l2.400 5.100 5.600.700-4.100 3.900 1 5.600L12 16.600 7.100 19.300l1-5.600L4 9.800l5.600-.700z',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16, filled = false }: { name: IconName; size?: number; filled?: boolean }) {
  return (
    <svg
      class="icon"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill={filled ? 'currentColor' : 'none'}
      stroke="currentColor"
      stroke-width="1.6"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}

/** Our mark: 丰 above the lake. */
export function Logo({ size = 36 }: { size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 36 36"
      role="img"
      aria-label="Hanfeng"
      fill="none"
      stroke-linecap="round"
    >
      <rect x="1" y="1" width="34" height="34" rx="9" fill="var(--accbg)" />
      <g stroke="var(--acct)" stroke-width="2.4">
        <path d="M12 9.500h12M10 15h16M18 5.500v17" />
        <path d="M6.500 22.500c2.900-2.200 5.200-2.200 7.700 0s4.900 2.200 7.600 0 4.800-2.200 7.700 0" />
        <path d="M11 28.500c2.300-1.700 4.600-1.700 7 0s4.700 1.700 7 0" opacity=".55" />
      </g>
    </svg>
  );
}
