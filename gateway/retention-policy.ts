import type { GatewayConfig } from './config.ts';
import type { Registry } from './registry.ts';
import type { RetentionPolicy } from './store/retention.ts';

/** What the configuration says about keeping, in the store's words: asset classes become the points they have now. */
export function retentionPolicy(
  { maxAge, maxDisk, classes }: GatewayConfig['store']['embedded']['retention'],
  registry: Pick<Registry, 'points' | 'device'>,
): RetentionPolicy {
  const ofClass = new Map<string, number[]>(Object.keys(classes).map((name) => [name, []]));
  if (ofClass.size > 0) {
    for (const { id, device } of registry.points()) ofClass.get(registry.device(device)?.class ?? '')?.push(id);
  }
  return {
    ...(maxAge === undefined ? {} : { maxAgeMs: maxAge }),
    ...(maxDisk === undefined ? {} : { maxBytes: maxDisk }),
    shorter: [...ofClass].map(([name, points]) => ({ name, maxAgeMs: classes[name] as number, points })),
  };
}
