import { ID_PATTERN } from '../../contract/reading.ts';
import { ROOT, type Topic } from '../../contract/topics.ts';

/** Who is on the other end of a connection. */
export interface Peer {
  readonly id: string;
  readonly kind: 'edge' | 'device';
}

/** Client ids we take: printable ASCII. They are private to their user, so nobody can push out another one's connection. */
export const CLIENT_ID_PATTERN = /^[\x20-\x7e]{0,128}$/;

/** A device publishes its own readings; an edge its own batches, state and command results. */
export function mayPublish(peer: Peer, topic: Topic): boolean {
  switch (topic.kind) {
    case 'device-readings':
      return peer.kind === 'device' && topic.device === peer.id;
    case 'edge-batch':
    case 'edge-state':
    case 'edge-command-result':
      return peer.kind === 'edge' && topic.edge === peer.id;
    case 'edge-stored':
    case 'edge-command':
      return false;
  }
}

/** A last will says "I am gone"; it is no way to send numbered batches. */
export function mayLeaveAsWill(peer: Peer, topic: Topic): boolean {
  return (topic.kind === 'edge-state' || topic.kind === 'device-readings') && mayPublish(peer, topic);
}

/**
 * A client may ask for what lies below its own topics, with wildcards there; `$SYS` and `$share` are nobody's.
 * What comes is its stored marks and its commands: nobody else publishes there.
 */
export function maySubscribe(peer: Peer, filter: string): boolean {
  const own = `${ROOT}/${peer.kind}/${peer.id}/`;
  if (!filter.startsWith(own)) return false;
  const levels = filter.slice(own.length).split('/');
  return levels.every(
    (level, index) => level === '+' || (level === '#' && index === levels.length - 1) || ID_PATTERN.test(level),
  );
}

/**
 * What MQTT 3.1.1 forbids in a topic name on the wire (1.5.3, 4.7): NUL and control characters, text that was no UTF-8
 * (decoded to U+FFFD), wildcards; and `$` topics, which are the broker's own.
 *
 * @returns the reason to close the connection, or undefined
 */
export function topicFault(topic: string): string | undefined {
  if (topic.length === 0) return 'empty topic';
  if (topic.startsWith('$')) return 'topics with $ are reserved';
  for (let i = 0; i < topic.length; i++) {
    const code = topic.charCodeAt(i);
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return 'control character in the topic';
    if (code >= 0xfdd0 && (code <= 0xfdef || code >= 0xfffd)) return 'no valid UTF-8 in the topic';
    if (code === 0x23 || code === 0x2b) return 'wildcard in a published topic';
  }
  return undefined;
}
