import { setTimeout as sleep } from 'node:timers/promises';
import { playTimeline, type Scenario, type ScenarioStep } from './scenario.ts';
import { FaultError, type Simulation } from './simulation.ts';

/** A scenario that somebody started by hand. */
export interface Playing {
  readonly name: string;
  readonly title: string;
  readonly startedAt: number;
  readonly stepsLeft: number;
}

/**
 * Plays scenarios in a running district, from now on and one at a time; starting another ends the first.
 * Faults that a scenario switched on and did not end are switched off when it is over or stopped.
 */
export class ScenarioPlayer {
  private readonly simulation: Simulation;
  private readonly scenarios: ReadonlyMap<string, Scenario>;
  private readonly signal: AbortSignal;
  private readonly now: () => number;
  private current: { playing: Playing; readonly stop: AbortController } | undefined;

  constructor(options: {
    readonly simulation: Simulation;
    readonly scenarios: ReadonlyMap<string, Scenario>;
    readonly signal: AbortSignal;
    readonly now: () => number;
  }) {
    this.simulation = options.simulation;
    this.scenarios = options.scenarios;
    this.signal = options.signal;
    this.now = options.now;
  }

  list(): readonly Scenario[] {
    return [...this.scenarios.values()];
  }

  playing(): Playing | undefined {
    return this.current?.playing;
  }

  /**
   * @param speed - above 1 the steps follow each other faster; the district's own pace stays
   * @throws FaultError when there is no such scenario
   */
  start(name: string, speed = 1): Playing {
    const scenario = this.scenarios.get(name);
    if (scenario === undefined)
      throw new FaultError(
        'scenario-unknown',
        `no scenario called ${name}; there are ${[...this.scenarios.keys()].join(', ')}`,
      );
    this.stop();
    const stop = new AbortController();
    const playing: Playing = {
      name,
      title: scenario.title,
      startedAt: this.now(),
      stepsLeft: scenario.timeline.length,
    };
    this.current = { playing, stop };
    void this.play(scenario, { stop, speed });
    return playing;
  }

  stop(): void {
    this.current?.stop.abort();
    this.current = undefined;
  }

  private async play(scenario: Scenario, { stop, speed }: { readonly stop: AbortController; readonly speed: number }) {
    const signal = AbortSignal.any([stop.signal, this.signal]);
    const left = new Map<string, ScenarioStep>();
    const act = (step: ScenarioStep) => {
      signal.throwIfAborted();
      this.do(step, left);
      if (this.current?.stop === stop)
        this.current.playing = { ...this.current.playing, stepsLeft: this.current.playing.stepsLeft - 1 };
    };
    const wait = (ms: number) => sleep(ms, undefined, { signal });
    try {
      await playTimeline(scenario.timeline, { sleep: wait, act, speed });
      const last = scenario.timeline.at(-1)?.at ?? 0;
      await wait(Math.max(0, scenario.lasts - last) / speed);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      for (const { on, device } of left.values()) this.simulation.order({ name: on as string, device, on: false });
      if (this.current?.stop === stop) this.current = undefined;
    }
  }

  /** Stopping an edge is for a person: the simulation has no hand on other processes. A device that is not served is left out. */
  private do(step: ScenarioStep, left: Map<string, ScenarioStep>): void {
    const { on, off, device, value } = step;
    const name = (on ?? off) as string;
    if (name === 'stop') return;
    try {
      this.simulation.order({ name, device, on: on !== undefined, ...(value === undefined ? {} : { value }) });
    } catch (error) {
      if (error instanceof FaultError) return;
      throw error;
    }
    if (on === undefined) left.delete(`${name}@${device}`);
    else left.set(`${name}@${device}`, step);
  }
}
