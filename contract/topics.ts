import { ID_PATTERN } from './reading.ts';

/** Root of all our topics; the version is part of the promise. */
export const ROOT = 'hf/v1';

/** Every MQTT topic we know, taken apart. */
export type Topic =
  | { readonly kind: 'device-readings'; readonly device: string }
  | { readonly kind: 'edge-batch'; readonly edge: string }
  | { readonly kind: 'edge-state'; readonly edge: string }
  | { readonly kind: 'edge-stored'; readonly edge: string; readonly gateway: string }
  | { readonly kind: 'edge-command'; readonly edge: string }
  | { readonly kind: 'edge-command-result'; readonly edge: string; readonly command: string };

/** How each kind of topic is published. */
export const DELIVERY: Readonly<Record<Topic['kind'], { readonly qos: 0 | 1; readonly retained: boolean }>> = {
  'device-readings': { qos: 1, retained: false },
  'edge-batch': { qos: 1, retained: false },
  'edge-state': { qos: 1, retained: true },
  'edge-stored': { qos: 1, retained: true },
  'edge-command': { qos: 1, retained: false },
  'edge-command-result': { qos: 1, retained: false },
};

export function buildTopic(topic: Topic): string {
  switch (topic.kind) {
    case 'device-readings':
      return `${ROOT}/device/${topic.device}/readings`;
    case 'edge-batch':
      return `${ROOT}/edge/${topic.edge}/batch`;
    case 'edge-state':
      return `${ROOT}/edge/${topic.edge}/state`;
    case 'edge-stored':
      return `${ROOT}/edge/${topic.edge}/stored/${topic.gateway}`;
    case 'edge-command':
      return `${ROOT}/edge/${topic.edge}/command`;
    case 'edge-command-result':
      return `${ROOT}/edge/${topic.edge}/command/${topic.command}/result`;
  }
}

/** Topics remembered taken apart: those of all edges and devices of a large gateway. With more it begins anew. */
const KNOWN_MAX = 16_384;
const known = new Map<string, Topic>();

/** Takes a topic apart; undefined when it is none of ours or an id in it is malformed. The same object for the same text. */
export function parseTopic(text: string): Topic | undefined {
  const before = known.get(text);
  if (before !== undefined) return before;
  const topic = takeApart(text);
  if (topic === undefined) return undefined;
  if (known.size >= KNOWN_MAX) known.clear();
  known.set(text, topic);
  return topic;
}

function takeApart(text: string): Topic | undefined {
  const [hf, version, group, id, leaf, name, end, ...more] = text.split('/');
  if (`${hf}/${version}` !== ROOT || id === undefined || !ID_PATTERN.test(id) || more.length > 0) return undefined;
  if (group === 'device')
    return leaf === 'readings' && name === undefined ? { kind: 'device-readings', device: id } : undefined;
  if (group !== 'edge') return undefined;
  if (name === undefined) {
    if (leaf === 'batch') return { kind: 'edge-batch', edge: id };
    if (leaf === 'state') return { kind: 'edge-state', edge: id };
    if (leaf === 'command') return { kind: 'edge-command', edge: id };
    return undefined;
  }
  if (!ID_PATTERN.test(name)) return undefined;
  if (leaf === 'stored' && end === undefined) return { kind: 'edge-stored', edge: id, gateway: name };
  if (leaf === 'command' && end === 'result') return { kind: 'edge-command-result', edge: id, command: name };
  return undefined;
}

/** What a gateway subscribes to. */
export const GATEWAY_FILTERS = [
  `${ROOT}/device/+/readings`,
  `${ROOT}/edge/+/batch`,
  `${ROOT}/edge/+/state`,
  `${ROOT}/edge/+/command/+/result`,
] as const;
