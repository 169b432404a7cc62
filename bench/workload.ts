/** The mixed workload: noisy analogue values of two decimals, a counter, a status, a pressure, a slow temperature. */
export function mixedValue(point: number, round: number): number {
  switch (point % 5) {
    case 0:
      return (
        Math.round((50 + 20 * Math.sin(round / 50 + point) + ((point * 7919 + round * 104_729) % 100) / 100) * 100) /
        100
      );
    case 1:
      return point * 1000 + round * (point % 7);
    case 2:
      return (point + (round >> 6)) & 1;
    case 3:
      return Math.round((0.4 + 0.05 * Math.sin(round / 200 + point)) * 1000) / 1000;
    default:
      return Math.round((25 + 5 * Math.sin(round / 1000 + point)) * 10) / 10;
  }
}
