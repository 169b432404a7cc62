import { z } from 'zod';
import { idSchema } from '../../contract/reading.ts';
import type { Channel } from './channel.ts';
import { type Outgoing, openOutgoing } from './outgoing.ts';
import { dingtalk, feishu, type RobotOptions, wecom } from './robots.ts';
import { webhook } from './webhook.ts';

const urlSchema = z
  .string()
  .refine((text) => /^https?:\/\//.test(text) && URL.canParse(text), 'an address such as https://host/path')
  .refine((text) => !URL.canParse(text) || new URL(text).username === '', 'an address without user name and password');
const hostSchema = z
  .string()
  .regex(/^[A-Za-z0-9.:_-]+(\/\d{1,3})?$/, 'a host name, an address or a network 10.1.0.0/16');

const commonSchema = {
  name: idSchema,
  priorities: z
    .array(z.union([z.literal(1), z.literal(2), z.literal(3), z.literal(4)], '1, 2, 3 or 4'))
    .min(1)
    .optional()
    .describe('Priorities this channel hears of; all when absent.'),
  floods: z
    .enum(['digest', 'each'])
    .optional()
    .describe(
      'In an alarm flood: digest (also when absent) tells many alarms at once, each tells each by itself; priority 1 always by itself.',
    ),
};

const webhookSchema = z.strictObject({
  ...commonSchema,
  type: z.literal('webhook'),
  url: urlSchema.describe('Where to POST.'),
  secretFile: z.string().optional().describe('File with the secret that signs each request.'),
});

const robotSchema = {
  ...commonSchema,
  urlFile: z.string().describe("File with the robot's address as the platform shows it; who knows it can send."),
};
const signedSchema = {
  ...robotSchema,
  secretFile: z.string().optional().describe('File with the secret, where the robot is set to signing.'),
};
const mentionSchema = {
  mention: z
    .array(z.string().regex(/^\+?\d{5,15}$/, 'a telephone number'))
    .max(50)
    .optional()
    .describe('Telephone numbers called by name for a new priority 1 alarm.'),
};
const feishuSchema = z.strictObject({ ...signedSchema, type: z.literal('feishu') });
const dingtalkSchema = z.strictObject({ ...signedSchema, ...mentionSchema, type: z.literal('dingtalk') });
const wecomSchema = z.strictObject({ ...robotSchema, ...mentionSchema, type: z.literal('wecom') });

/** `notify:` of gateway.yaml. */
export const notifySchema = z.strictObject({
  proxy: urlSchema.optional().describe('HTTP proxy for outgoing requests.'),
  allowHosts: z.array(hostSchema).default([]).describe('Inner hosts or networks that channels may reach.'),
  channels: z
    .array(
      z.discriminatedUnion('type', [webhookSchema, feishuSchema, dingtalkSchema, wecomSchema], {
        error: 'type: webhook, feishu, dingtalk or wecom',
      }),
    )
    .max(100)
    .default([])
    .refine((list) => new Set(list.map(({ name }) => name)).size === list.length, 'each name once'),
});
export type NotifyConfig = z.output<typeof notifySchema>;
export type ChannelConfig = NotifyConfig['channels'][number];

/** What channels are made from, beside their own lines of configuration. */
export interface ChannelParts {
  readonly outgoing: Outgoing;
  readonly now: () => number;
  /** Content of a secret file, without the line's end. */
  readonly secret: (file: string) => string;
}

type Make<T extends ChannelConfig['type']> = (
  config: Extract<ChannelConfig, { readonly type: T }>,
  parts: ChannelParts,
) => Channel;

/** Every type of channel, and how it is made. */
const CHANNELS: { readonly [T in ChannelConfig['type']]: Make<T> } = {
  webhook: ({ name, url, secretFile }, { outgoing, now, secret }) =>
    webhook({ name, url, outgoing, now, ...(secretFile === undefined ? {} : { secret: secret(secretFile) }) }),
  feishu: (config, parts) => feishu(robotOptions(config, parts)),
  dingtalk: (config, parts) => dingtalk(robotOptions(config, parts)),
  wecom: (config, parts) => wecom(robotOptions(config, parts)),
};

function make(config: ChannelConfig, parts: ChannelParts): Channel {
  // The table has the right maker for each type; the compiler can't follow that through a union.
  const maker = CHANNELS[config.type] as (config: ChannelConfig, parts: ChannelParts) => Channel;
  return maker(config, parts);
}

type RobotConfig = Extract<ChannelConfig, { readonly urlFile: string }>;

function robotOptions(config: RobotConfig, { secret, ...parts }: ChannelParts): RobotOptions {
  const secretFile = 'secretFile' in config ? config.secretFile : undefined;
  return {
    ...parts,
    name: config.name,
    url: secret(config.urlFile),
    mention: 'mention' in config ? config.mention : undefined,
    secret: secretFile === undefined ? undefined : secret(secretFile),
  };
}

const CONNECT_TIMEOUT_MS = 5000;

/**
 * Makes the configured channels.
 *
 * @throws when a secret file can't be read or holds no address
 */
export function makeChannels(
  config: NotifyConfig,
  parts: Omit<ChannelParts, 'outgoing'>,
): { readonly channels: readonly Channel[]; close(): Promise<void> } {
  const { allowHosts, proxy } = config;
  const outgoing = openOutgoing({ allowHosts, proxy, connectTimeoutMs: CONNECT_TIMEOUT_MS });
  const channels = config.channels.map((one) => make(one, { ...parts, outgoing }));
  return { channels, close: () => outgoing.close() };
}
