import type { Logger } from 'pino';
import type { Millis } from '../../contract/time.ts';
import type { AssetBook } from '../assets.ts';
import type { Commands } from '../commands.ts';
import type { Desk } from '../desk.ts';
import type { ZoneStatus } from '../domain/leakage/zone-status.ts';
import type { Rule } from '../domain/plant.ts';
import type { InfluxCopy } from '../influxdb/open.ts';
import type { Ingest } from '../ingest.ts';
import type { LeakageFigures } from '../leakage-figures.ts';
import type { Ground } from '../map-ground.ts';
import type { Metrics } from '../metrics.ts';
import type { Registry } from '../registry.ts';
import type { Store } from '../store/store.ts';
import type { WhatIf } from '../what-if/what-if.ts';
import type { Accounts } from './auth.ts';
import type { DoorRoom } from './door-room.ts';
import type { Feed } from './feed.ts';
import type { OpenAlarms } from './open-alarms.ts';
import type { Sessions } from './sessions.ts';
import type { Settings } from './settings.ts';

/** The site as the page names it. */
export interface Site {
  readonly id: string;
  readonly name: string;
  readonly nameZh?: string;
  /** IANA name. */
  readonly timezone: string;
}

export interface HttpConfig {
  /** Sessions and settings are kept there; undefined keeps them in memory. */
  readonly dataDir?: string | undefined;
  /** Where people reach us, for example `https://hanfeng.example.org`. */
  readonly publicUrl?: string | undefined;
  /** Bearer token that may read /metrics and nothing else. */
  readonly metricsToken?: string | undefined;
  /** What hides an alarm must say why. */
  readonly requireReason?: boolean | undefined;
}

/** Who has to deal with what. */
export type GroupOf = (alarm: { readonly asset: string; readonly assetClass?: string }) => string;

/** What main.ts hands to the HTTP door. */
export interface HttpOptions {
  readonly config: HttpConfig;
  readonly ingest: Ingest;
  readonly store: Store;
  readonly registry: Registry;
  readonly accounts: Accounts;
  /** Assets and rules that people change at run time; without it there are none. */
  readonly desk?: Desk;
  /** Operator group of a rule or alarm; without it there is one group. */
  readonly groupOf?: GroupOf;
  /** Writes to devices; without it nobody does. */
  readonly commands?: Commands;
  /** Zones in which leaks are looked for; without it there are none. */
  readonly leakage?: () => readonly ZoneStatus[];
  /** Figures a utility reports; without it there are none. */
  readonly figures?: LeakageFigures;
  /** Judges stored history with another sensitivity; without it nobody does. */
  readonly whatIf?: Pick<WhatIf, 'ask'>;
  /** The copy of all readings in InfluxDB; without it there is none. */
  readonly historyCopy?: Pick<InfluxCopy, 'status' | 'resend'>;
  /** Background of the district map; without it there is none. */
  readonly ground?: Ground;
  readonly metrics: Metrics;
  readonly site: Site;
  readonly version: string;
  readonly now: () => Millis;
  readonly log: Logger;
  /** Folder of the built page. */
  readonly webRoot?: string;
  /** Check every answer against its schema: for tests. */
  readonly strictAnswers?: boolean;
}

/** What the routes share. */
export interface Door extends HttpOptions {
  readonly groupOf: GroupOf;
  readonly desk: Desk;
  readonly assets: AssetBook;
  /** Rules on a point (dense id): their setpoints are drawn beside the value. */
  readonly rulesOf: (point: number) => readonly Rule[];
  readonly sessions: Sessions;
  readonly settings: Settings;
  readonly openAlarms: OpenAlarms;
  readonly feed: Feed;
  /** For requests that bring readings. */
  readonly room: DoorRoom;
}
