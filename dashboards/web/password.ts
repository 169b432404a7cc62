/** The gateway takes no shorter one. */
export const PASSWORD_MIN = 12;

/** Bars of the meter: 0 too short, 1 weak, 2 fair, 3 good, 4 strong. Length counts most: a sentence beats a puzzle. */
export type Strength = 0 | 1 | 2 | 3 | 4;

export function strengthOf(password: string): Strength {
  const characters = [...password];
  if (characters.length < PASSWORD_MIN) return 0;
  const different = new Set(characters).size;
  if (different < 5) return 1;
  if (/^(?:\d+|[a-z]+\d{0,4})$/i.test(password) && characters.length < 16) return 2;
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z\d]/].filter((kind) => kind.test(password)).length;
  const score = characters.length + (kinds - 1) * 2 + Math.min(4, different - 8);
  return score >= 24 ? 4 : score >= 15 ? 3 : 2;
}
