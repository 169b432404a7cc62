/** Where in the page we are; lives behind the `#`, so that the gateway serves one document. */
export type Route =
  /** `asset` is shown on the map. */
  | { readonly page: 'overview'; readonly asset?: string }
  | { readonly page: 'alarms'; readonly alarm?: string }
  | { readonly page: 'performance' }
  | { readonly page: 'leakage'; readonly zone?: string }
  | { readonly page: 'device'; readonly device: string }
  | { readonly page: 'explore'; readonly point?: string }
  | { readonly page: 'settings' };

export function parseRoute(hash: string): Route {
  const [page, ...rest] = hash.replace(/^#\/?/, '').split('/').map(decode);
  if (page === 'alarms') return rest[0] ? { page, alarm: rest[0] } : { page };
  if (page === 'explore') return rest.length >= 2 ? { page, point: rest.join('/') } : { page };
  if (page === 'devices' && rest[0]) return { page: 'device', device: rest[0] };
  if (page === 'leakage') return rest[0] ? { page, zone: rest[0] } : { page };
  if (page === 'settings' || page === 'performance') return { page };
  return page === 'overview' && rest[0] ? { page, asset: rest[0] } : { page: 'overview' };
}

export function hrefOf(route: Route): string {
  const encode = encodeURIComponent;
  if (route.page === 'alarms') return route.alarm === undefined ? '#/alarms' : `#/alarms/${encode(route.alarm)}`;
  if (route.page === 'explore')
    return route.point === undefined ? '#/explore' : `#/explore/${route.point.split('/').map(encode).join('/')}`;
  if (route.page === 'device') return `#/devices/${encode(route.device)}`;
  if (route.page === 'leakage') return route.zone === undefined ? '#/leakage' : `#/leakage/${encode(route.zone)}`;
  if (route.page === 'overview' && route.asset !== undefined) return `#/overview/${encode(route.asset)}`;
  return `#/${route.page}`;
}

/** A broken escape in an address typed by hand is not worth a blank page. */
function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
