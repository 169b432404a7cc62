/** One bar of a picture. */
export interface Bar {
  readonly label: string;
  readonly value: number;
}

const WIDTH = 640;
const ROW = 22;
const LABEL_WIDTH = 190;
const VALUE_WIDTH = 90;

/** Groups of horizontal bars as an SVG; each group has a scale of its own, the first bar of each is ours. */
export function barChart(groups: readonly { readonly title: string; readonly bars: readonly Bar[] }[]): string {
  const parts: string[] = [];
  let y = 8;
  for (const { title, bars } of groups) {
    parts.push(`<text x="0" y="${y + 14}" font-weight="600">${xmlText(title)}</text>`);
    y += ROW;
    const most = Math.max(...bars.map(({ value }) => value));
    for (const [index, { label, value }] of bars.entries()) {
      const length = Math.max(1, Math.round(((WIDTH - LABEL_WIDTH - VALUE_WIDTH) * value) / most));
      parts.push(
        `<text x="8" y="${y + 14}">${xmlText(label)}</text>`,
        `<rect x="${LABEL_WIDTH}" y="${y + 3}" width="${length}" height="${ROW - 8}" fill="${index === 0 ? '#1f6feb' : '#8b949e'}"/>`,
        `<text x="${LABEL_WIDTH + length + 6}" y="${y + 14}">${value.toLocaleString('en')}</text>`,
      );
      y += ROW;
    }
    y += ROW / 2;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" font-family="sans-serif" font-size="12" fill="#24292f"><rect width="100%" height="100%" fill="#ffffff"/>${parts.join('')}</svg>\n`;
}

function xmlText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
