/** A value in a table: text and numbers as they are. */
export type TableCell = string | number | boolean | null;

/** The table behind a chart: what a screen reader reads and what "Copy as CSV" copies. */
export interface Table {
  columns: string[];
  rows: TableCell[][];
}

/** RFC 4180. Texts that a spreadsheet would take for a formula get a leading apostrophe. */
export function toCsv(table: Table): string {
  const cell = (value: TableCell): string => {
    if (value === null) return '';
    if (typeof value !== 'string') return String(value);
    const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
    return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
  };
  return [table.columns, ...table.rows].map((row) => row.map(cell).join(',')).join('\r\n') + '\r\n';
}
