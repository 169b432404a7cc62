/** One data row of a small CSV table, by column name. */
export interface CsvRow {
  /** 1-based line in the file. */
  readonly line: number;
  readonly row: Readonly<Record<string, string>>;
}

/** Reads a small CSV table with a header (RFC 4180 quoting, `,` or `;`, `#` starts a comment line). */
export function parseCsvTable(text: string): CsvRow[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  let header: string[] | undefined;
  let separator = ',';
  const rows: CsvRow[] = [];
  lines.forEach((line, index) => {
    if (line.trim() === '' || line.startsWith('#')) return;
    if (header === undefined) {
      separator = line.includes(';') && !line.includes(',') ? ';' : ',';
      header = splitCsvLine(line, separator);
      return;
    }
    const cells = splitCsvLine(line, separator);
    rows.push({ line: index + 1, row: Object.fromEntries(header.map((name, column) => [name, cells[column] ?? ''])) });
  });
  return rows;
}

/** One line (RFC 4180): quoted where a cell holds a comma, a quote or a line end. */
export function csvLine(cells: readonly string[]): string {
  return cells.map((cell) => (/[",\n\r]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(',');
}

/** Cells of one line, trimmed; quotes may hold separators and doubled quotes, not line ends. */
export function splitCsvLine(line: string, separator = ','): string[] {
  if (!line.includes('"')) return line.split(separator).map((cell) => cell.trim());
  const cells: string[] = [];
  let cell = '';
  let isQuoted = false;
  for (let index = 0; index < line.length; index++) {
    const character = line[index] as string;
    if (isQuoted && character === '"' && line[index + 1] === '"') {
      cell += '"';
      index++;
    } else if (character === '"') isQuoted = !isQuoted;
    else if (character === separator && !isQuoted) {
      cells.push(cell.trim());
      cell = '';
    } else cell += character;
  }
  cells.push(cell.trim());
  return cells;
}
