/** The four tables of a Modbus device (MODBUS Application Protocol V1.1b3, 4.3). */
export type Table = 'coil' | 'discreteInput' | 'inputRegister' | 'holdingRegister';

/** Order of the bytes A (highest) to D (lowest) of a 32-bit value over two registers; 64-bit values follow the same pattern. */
export type WordOrder = 'ABCD' | 'CDAB';

/**
 * The registers of one simulated device. Only written addresses exist: reading any other is an illegal data address,
 * as real devices answer. Written by the models of this folder, on purpose with encoders of their own:
 * a coder shared with the product would hide a shared mistake.
 */
export class RegisterMemory {
  private readonly tables: Record<Table, Map<number, number>> = {
    coil: new Map(),
    discreteInput: new Map(),
    inputRegister: new Map(),
    holdingRegister: new Map(),
  };
  private readonly scratch = new DataView(new ArrayBuffer(8));

  bit(table: 'coil' | 'discreteInput', address: number, on: boolean): void {
    this.tables[table].set(address, on ? 1 : 0);
  }

  /** Rounded and held at the ends of the range, as instruments do. */
  uint16(table: Table, address: number, value: number): void {
    this.tables[table].set(address, clamp(value, 0, 0xffff));
  }

  int16(table: Table, address: number, value: number): void {
    this.tables[table].set(address, clamp(value, -0x8000, 0x7fff) & 0xffff);
  }

  int32(table: Table, address: number, value: number, order: WordOrder): void {
    this.scratch.setInt32(0, clamp(value, -0x8000_0000, 0x7fff_ffff));
    this.words(table, address, 2, order);
  }

  uint32(table: Table, address: number, value: number, order: WordOrder): void {
    this.scratch.setUint32(0, clamp(value, 0, 0xffff_ffff));
    this.words(table, address, 2, order);
  }

  float32(table: Table, address: number, value: number, order: WordOrder): void {
    this.scratch.setFloat32(0, value);
    this.words(table, address, 2, order);
  }

  float64(table: Table, address: number, value: number, order: WordOrder): void {
    this.scratch.setFloat64(0, value);
    this.words(table, address, 4, order);
  }

  uint64(table: Table, address: number, value: number, order: WordOrder): void {
    this.scratch.setBigUint64(0, BigInt(clamp(value, 0, Number.MAX_SAFE_INTEGER)));
    this.words(table, address, 4, order);
  }

  /** @returns the values in address order, or undefined when one address does not exist */
  read(table: Table, address: number, count: number): number[] | undefined {
    const values: number[] = [];
    for (let offset = 0; offset < count; offset++) {
      const value = this.tables[table].get(address + offset);
      if (value === undefined) return undefined;
      values.push(value);
    }
    return values;
  }

  /** @returns false when the address does not exist */
  write(table: 'coil' | 'holdingRegister', address: number, values: readonly number[]): boolean {
    if (this.read(table, address, values.length) === undefined) return false;
    values.forEach((value, offset) => {
      this.tables[table].set(address + offset, value);
    });
    return true;
  }

  private words(table: Table, address: number, count: number, order: WordOrder): void {
    for (let index = 0; index < count; index++) {
      const from = order === 'ABCD' ? index : count - 1 - index;
      this.tables[table].set(address + index, this.scratch.getUint16(from * 2));
    }
  }
}

function clamp(value: number, low: number, high: number): number {
  if (Number.isNaN(value)) return 0;
  return Math.min(high, Math.max(low, Math.round(value)));
}
