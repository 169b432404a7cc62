import { adw300 } from './adw300.ts';
import { ldBk10 } from './ld-bk10.ts';
import type { RegisterModel } from './model.ts';
import { rs485Pressure } from './rs485-pressure.ts';
import { sdm630 } from './sdm630.ts';
import { sensorbeeGas } from './sensorbee-gas.ts';
import { sokolM } from './sokol-m.ts';
import { tuf2000m } from './tuf-2000m.ts';
import { wp8026adam } from './wp8026adam.ts';

/** Every device model we can play, by name. */
export const REGISTER_MODELS: ReadonlyMap<string, RegisterModel> = new Map(
  [tuf2000m, rs485Pressure, adw300, wp8026adam, sensorbeeGas, sokolM, sdm630, ldBk10].map((model) => [
    model.name,
    model,
  ]),
);
