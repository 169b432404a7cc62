/** Tank levels at which the works' controller starts and stops the lead pump and the second one, m. */
const LEAD = { onM: 2.8, offM: 4.9 } as const;
const SECOND = { onM: 1.7, offM: 3.2 } as const;

export interface PumpsState {
  /** Wanted by the controller. */
  readonly lead: boolean;
  readonly second: boolean;
}

/** The controller in the works: two pumps on tank level, each with its own hysteresis. */
export function controlPumps(state: PumpsState, levelM: number): PumpsState {
  return { lead: hold(state.lead, levelM, LEAD), second: hold(state.second, levelM, SECOND) };
}

function hold(on: boolean, levelM: number, { onM, offM }: { readonly onM: number; readonly offM: number }): boolean {
  if (levelM <= onM) return true;
  return levelM >= offM ? false : on;
}
