import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const css = readFileSync(resolve(import.meta.dirname, '../../../dashboards/web/styles/tokens.css'), 'utf8');

function tokensOf(theme: string): ReadonlyMap<string, string> {
  const block = new RegExp(`\\[data-theme="${theme}"\\] \\{([^}]*)\\}`).exec(css)?.[1] ?? '';
  return new Map(
    [...block.matchAll(/--([\w-]+):\s*([^;]+);/g)].map(([, name, value]) => [name as string, value as string]),
  );
}

type Rgb = readonly [number, number, number];

function rgb(value: string, under: Rgb = [0, 0, 0]): Rgb {
  const hex = /^#([\da-f]{2})([\da-f]{2})([\da-f]{2})$/i.exec(value);
  if (hex !== null) return hex.slice(1).map((pair) => Number.parseInt(pair, 16)) as unknown as Rgb;
  const parts = (value.match(/[\d.]+/g) ?? []).map(Number);
  const alpha = parts[3] ?? 1;
  return [0, 1, 2].map(
    (channel) => (parts[channel] as number) * alpha + (under[channel] as number) * (1 - alpha),
  ) as unknown as Rgb;
}

/** WCAG 2.2, relative luminance and contrast ratio. */
function contrast(one: Rgb, other: Rgb): number {
  const luminance = (color: Rgb) => {
    const [red, green, blue] = color.map((channel) => {
      const part = channel / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    }) as unknown as Rgb;
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

const SURFACES = ['bg', 'panel', 'raised', 'inset'];

describe.each(['light', 'dark'])('the %s theme', (theme) => {
  const tokens = tokensOf(theme);
  const color = (name: string, under?: Rgb) => rgb(tokens.get(name) ?? '', under);

  it('has every token', () => {
    expect(tokens.size).toBeGreaterThan(40);
    expect([...tokens.keys()].sort()).toEqual([...tokensOf(theme === 'light' ? 'dark' : 'light').keys()].sort());
  });

  it.each(SURFACES)('text is readable on %s', (surface) => {
    for (const text of ['t1', 't2', 't3'])
      expect(contrast(color(text), color(surface)), text).toBeGreaterThanOrEqual(4.5);
  });

  it.each(SURFACES)('controls, lines and focus stand out on %s', (surface) => {
    for (const mark of ['ctl', 'ink', 'ink2', 'acc', 'e1', 'e2', 'e3', 'e4'])
      expect(contrast(color(mark), color(surface)), mark).toBeGreaterThanOrEqual(3);
  });

  it('alarm colours as text are readable on panels', () => {
    for (const text of ['x1', 'x2', 'x3', 'x4'])
      for (const surface of ['bg', 'panel', 'raised'])
        expect(contrast(color(text), color(surface)), `${text} on ${surface}`).toBeGreaterThanOrEqual(4.5);
  });

  it('numbers are readable on the fill of their priority, words on the primary button', () => {
    for (const priority of [1, 2, 3, 4])
      expect(contrast(color(`n${priority}`), color(`p${priority}`)), String(priority)).toBeGreaterThanOrEqual(4.5);
    expect(contrast(color('acct'), color('accbg'))).toBeGreaterThanOrEqual(4.5);
  });

  it('text stays readable on the tint of new alarms and of what is selected', () => {
    for (const tint of ['w1', 'w2', 'w3', 'w4', 'accs'])
      for (const surface of ['panel', 'bg'])
        for (const text of ['t1', 't2'])
          expect(contrast(color(text), color(tint, color(surface))), `${text} on ${tint}`).toBeGreaterThanOrEqual(4.5);
  });
});
