import type { RegisterMemory, Table } from './memory.ts';

/** A quantity the instrument adds up while it has power: flow to volume, power to energy. */
export interface Counter {
  readonly of: string;
  readonly into: string;
  /** Where negative amounts go; without it the counter stands still then. */
  readonly reverse?: string;
  /** Amount per unit of the quantity and second: m3/h to m3 is 1/3600. */
  readonly perSecond: number;
  /** Total of an instrument at the start lies between half of this and this: it has been there for a while. */
  readonly startMax: number;
}

/** What every instrument has, whatever language it speaks. */
export interface InstrumentModel {
  /** `<maker>-<model>`, the name of its file in the product's device folder where it has one. */
  readonly name: string;
  /** Standard deviation of one sample as a share of the value, by quantity. */
  readonly noise: Readonly<Record<string, number>>;
  readonly counters: readonly Counter[];
}

/** Looks up a quantity the instrument measures; 0 when its place has none. */
export type QuantityOf = (quantity: string) => number;

/** One real device model on Modbus: what it measures and how that stands in its registers. */
export interface RegisterModel extends InstrumentModel {
  /** Address ranges that answer 0 where nothing is documented; elsewhere a gap is an illegal data address. */
  readonly reserved?: readonly { readonly table: Table; readonly from: number; readonly to: number }[];
  /** Writes every register; quantities come in the units this model documents. */
  encode(memory: RegisterMemory, of: QuantityOf): void;
}
