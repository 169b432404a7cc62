import type { Channel } from './channel.ts';
import { type Outgoing, openOutgoing } from './outgoing.ts';
import { webhook } from './webhook.ts';

/** One channel as configured, its secret already read. */
export interface WebhookConfig {
  readonly type: 'webhook';
  readonly name: string;
  readonly url: string;
  readonly secret?: string;
}

export type ChannelConfig = WebhookConfig;

/** `notify:` of gateway.yaml, as far as channels need it. */
export interface NotifyConfig {
  readonly proxy?: string;
  readonly allowHosts: readonly string[];
  readonly channels: readonly ChannelConfig[];
}

/** What channels are made from, beside their own lines of configuration. */
interface ChannelParts {
  readonly outgoing: Outgoing;
  /** UTC ms. */
  readonly now: () => number;
}

type Make<T extends ChannelConfig['type']> = (
  config: Extract<ChannelConfig, { readonly type: T }>,
  parts: ChannelParts,
) => Channel;

/** Every type of channel, and how it is made. */
const CHANNELS: { readonly [T in ChannelConfig['type']]: Make<T> } = {
  webhook: (config, parts) => webhook({ ...config, ...parts }),
};

const CONNECT_TIMEOUT_MS = 5000;

/** Makes the configured channels; they share one way out. */
export function makeChannels(
  { allowHosts, proxy, channels }: NotifyConfig,
  { now }: { readonly now: () => number },
): { readonly channels: readonly Channel[]; close(): Promise<void> } {
  const outgoing = openOutgoing({ allowHosts, proxy, connectTimeoutMs: CONNECT_TIMEOUT_MS });
  return { channels: channels.map((one) => CHANNELS[one.type](one, { outgoing, now })), close: () => outgoing.close() };
}
