import type { Priority } from '../../contract/alarm.ts';

/** Tones of each priority in hertz: higher and more for the more urgent; four priorities, four patterns. */
const PATTERN_HZ: Readonly<Record<Priority, readonly number[]>> = {
  1: [880, 660, 880, 660, 880],
  2: [740, 740, 740],
  3: [587, 587],
  4: [440],
};
/** The pattern repeats until somebody acknowledges or silences it. */
export const REPEAT_MS: Readonly<Record<Priority, number>> = { 1: 3_000, 2: 6_000, 3: 15_000, 4: 60_000 };
const TONE_S = 0.14;
const GAP_S = 0.05;

/** Plays alarm tones once the browser allows it; browsers allow sound after the first gesture only. */
export class Bell {
  #context: AudioContext | undefined;

  /** To be called from a gesture. @returns whether sound can be heard now */
  async unlock(): Promise<boolean> {
    if (typeof AudioContext !== 'function') return false;
    this.#context ??= new AudioContext();
    if (this.#context.state !== 'running') await this.#context.resume().catch(() => undefined);
    return this.#context.state === 'running';
  }

  get allowed(): boolean {
    return this.#context?.state === 'running';
  }

  ring(priority: Priority): void {
    const context = this.#context;
    if (context === undefined || context.state !== 'running') return;
    let start = context.currentTime + 0.02;
    for (const hertz of PATTERN_HZ[priority]) {
      const tone = context.createOscillator();
      const volume = context.createGain();
      tone.type = 'triangle';
      tone.frequency.value = hertz;
      // Edges of 10 ms, else every tone clicks.
      volume.gain.setValueAtTime(0, start);
      volume.gain.linearRampToValueAtTime(0.22, start + 0.01);
      volume.gain.setValueAtTime(0.22, start + TONE_S - 0.02);
      volume.gain.linearRampToValueAtTime(0, start + TONE_S);
      tone.connect(volume).connect(context.destination);
      tone.start(start);
      tone.stop(start + TONE_S + 0.01);
      start += TONE_S + GAP_S;
    }
  }
}
