import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { idSchema } from '../../contract/reading.ts';
import { writeAtomically } from './files.ts';

const countSchema = z.number().int().min(0);

const ledgerSchema = z.object({
  format: z.literal(1),
  /** Start of the machine in which this was written; after another start the newest records may be missing. */
  boot: z.string(),
  /** The last process closed the outbox in order. */
  clean: z.boolean(),
  /** Oldest first; the last one without `end` is live. */
  lanes: z.array(z.object({ id: idSchema, end: z.object({ seq: countSchema, made: countSchema }).optional() })),
  /** Per gateway, what it said is on its disk. */
  gateways: z.record(idSchema, z.object({ store: idSchema, marks: z.record(idSchema, countSchema) })),
  /** Values of lanes that are no longer listed. */
  forgotten: z.object({ made: countSchema, dropped: countSchema }),
  /** Values that overflowed memory while the disk was full. */
  overflowed: countSchema,
});

/** The outbox's list of lanes and marks; everything else follows from the lane folders. */
export type Ledger = z.infer<typeof ledgerSchema>;

export const EMPTY_LEDGER: Ledger = {
  format: 1,
  boot: '',
  clean: true,
  lanes: [],
  gateways: {},
  forgotten: { made: 0, dropped: 0 },
  overflowed: 0,
};

/** @returns undefined when there is none; a reason when it can't be read */
export async function readLedger(path: string): Promise<Ledger | undefined | { readonly unreadable: string }> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const ledger = ledgerSchema.safeParse(JSON.parse(text));
    return ledger.success ? ledger.data : { unreadable: z.prettifyError(ledger.error) };
  } catch (error) {
    return { unreadable: (error as Error).message };
  }
}

export async function writeLedger(path: string, ledger: Ledger): Promise<void> {
  await writeAtomically(path, JSON.stringify(ledger));
}
