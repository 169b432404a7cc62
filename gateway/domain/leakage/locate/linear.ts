/** Below this part of the largest pivot a matrix counts as singular. */
const SINGULAR = 1e-12;

/** Inverse by Gauss-Jordan with row pivots; undefined for a singular matrix. @param rows - square, left as they are */
export function inverse(rows: readonly (readonly number[])[]): number[][] | undefined {
  const size = rows.length;
  const work = rows.map((row, at) => [...row, ...Array.from({ length: size }, (_, column) => (column === at ? 1 : 0))]);
  let largest = 0;
  for (let at = 0; at < size; at++) {
    let pivot = at;
    for (let row = at + 1; row < size; row++) if (Math.abs(work[row]![at]!) > Math.abs(work[pivot]![at]!)) pivot = row;
    [work[at], work[pivot]] = [work[pivot]!, work[at]!];
    const by = work[at]![at]!;
    largest = Math.max(largest, Math.abs(by));
    if (!(Math.abs(by) > SINGULAR * largest)) return undefined;
    for (let column = 0; column < 2 * size; column++) work[at]![column]! /= by;
    for (let row = 0; row < size; row++) {
      const factor = work[row]![at]!;
      if (row === at || factor === 0) continue;
      for (let column = 0; column < 2 * size; column++) work[row]![column]! -= factor * work[at]![column]!;
    }
  }
  return work.map((row) => row.slice(size));
}

/** x' A y */
export function bilinear(matrix: readonly (readonly number[])[], x: ArrayLike<number>, y: ArrayLike<number>): number {
  let sum = 0;
  for (let row = 0; row < matrix.length; row++) {
    let inner = 0;
    for (let column = 0; column < matrix.length; column++) inner += matrix[row]![column]! * y[column]!;
    sum += x[row]! * inner;
  }
  return sum;
}
