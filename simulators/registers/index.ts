import { adw300 } from './adw300.ts';
import { apcNmc2 } from './apc-nmc2.ts';
import { danfossFc } from './danfoss-fc.ts';
import { lampController } from './lamp-controller.ts';
import { ldBk10 } from './ld-bk10.ts';
import type { RegisterModel } from './model.ts';
import { rs485Level } from './rs485-level.ts';
import { rs485Pressure } from './rs485-pressure.ts';
import { sdm120 } from './sdm120.ts';
import { sdm630 } from './sdm630.ts';
import { sensorbeeGas } from './sensorbee-gas.ts';
import { sokolM } from './sokol-m.ts';
import { tuf2000m } from './tuf-2000m.ts';
import { vigirexRhu } from './vigirex-rhu.ts';
import { wp3066adam } from './wp3066adam.ts';
import { wp8026adam } from './wp8026adam.ts';
import { xyMd02 } from './xy-md02.ts';

const MODELS: readonly RegisterModel[] = [
  adw300,
  apcNmc2,
  danfossFc,
  lampController,
  ldBk10,
  rs485Level,
  rs485Pressure,
  sdm120,
  sdm630,
  sensorbeeGas,
  sokolM,
  tuf2000m,
  vigirexRhu,
  wp3066adam,
  wp8026adam,
  xyMd02,
];

/** Every device model on Modbus we can play, by name. */
export const REGISTER_MODELS: ReadonlyMap<string, RegisterModel> = new Map(MODELS.map((model) => [model.name, model]));
